"""The built-in live page: what moves, what is booked, what waits and why; and a page for every parcel."""
