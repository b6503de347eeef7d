"""A school of any size, made up from one integer: the same integers, the same rows, on every machine.

    figures.py      how much there is of everything, and the ratios that decide it
    draws.py        where chance comes from: keys, numbers, choices
    calendar.py     terms, and when things happen in them
    people.py       accounts, with names.toml
    courses.py      courses, their weeks and their materials, with subjects.toml
    enrollments.py  who is on which course, and the audit events that tell of it
    load.py         puts all of it into a database, table by table

To add a table, write a function that gives its rows from the figures alone, in the order of their keys, and name it
in TABLES of load.py. What it needs to know of other tables it asks their modules for (`people.student_id`,
`courses.offered`, `enrollments.enrolled`), which make the same thing again instead of keeping it: so a school of a
million students needs no more memory than one term of it, as a few bytes for each enrolment.
"""
