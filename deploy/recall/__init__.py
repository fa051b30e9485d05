"""`waybook recall`: parcels that their lanes have forgotten, back from the books, as events."""
