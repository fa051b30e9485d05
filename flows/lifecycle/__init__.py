"""The life of a parcel: its facts, what falls due and when, what waits and why, what is corrected.

Pure: events in, charges and other rows out, by the waybill's record alone, so that any order and any repetition
of a parcel's events ends in the same books.
"""
