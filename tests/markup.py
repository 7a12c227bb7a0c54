"""A reader of HTML that sees what a browser without style sees."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser


def words(text):
    """Return the words of a text; the rules under heads say nothing."""
    return Counter(word for word in text.split() if word.strip("─"))


class Reader(HTMLParser):
    """Collects tags, attributes and the words a reader sees; style is what it throws away."""

    def __init__(self, markup):
        super().__init__(convert_charrefs=True)
        self.tags = Counter()
        self.attributes = []
        self.text = []
        self.open = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note the tag, open until it is closed."""
        self.tags[tag] += 1
        self.attributes.extend((tag, name, value) for name, value in attrs)
        self.open.append(tag)

    def handle_endtag(self, tag):
        """Tags close in the order they were opened."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep what is seen."""
        if "style" not in self.open:
            self.text.append(data if self.open[-1:] != ["pre"] else data + " ")

    @property
    def words(self):
        """Return the words, in no order: text and HTML lay the same ones out differently."""
        return words(" ".join(self.text))

    def values(self, name):
        """Return the values of one attribute, wherever it stands."""
        return [value for _, attribute, value in self.attributes if attribute == name]
