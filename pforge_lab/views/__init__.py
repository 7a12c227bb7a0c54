"""Views are functions of data: data to HTML, text and figures."""
