"""Fine-tunes: rows that were looked at, runs that survive a restart, reports, and a gate before anybody is answered.

The child that trains comes through here too, so what needs the database is imported when it is asked for.
"""
