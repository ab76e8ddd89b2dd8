"""Models that people own, built tiny from their libraries' own classes, and what initcore does to each.

`python -m corpus.page` in tests/ writes docs/corpus.md.
"""  # noqa: E501
