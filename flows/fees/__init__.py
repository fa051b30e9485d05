"""What falls due in a parcel's life, and which fees are charged for it: data, read and checked as a whole."""
