"""Executions of pipelines that can be stepped, rewound and resumed."""
