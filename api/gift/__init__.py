"""Moodle's GIFT format: a text of questions, and what this service can ask of it.

    lines.py       bytes -> blocks of lines, each with its place in the text
    grammar.py     a block -> what stands there, as the format has it
    questions.py   what stands there -> questions and key of this service, and what it cannot ask

https://docs.moodle.org/en/GIFT_format describes the format, https://github.com/fuhrmanator/GIFT-grammar-PEG.js is a
grammar of it; where they differ, this follows Moodle.
"""
