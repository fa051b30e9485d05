"""`waybook recall`: parcels and stays that their lanes have forgotten, back from the books, as events."""
