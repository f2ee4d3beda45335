//! From the bytes of a picture file to the 8-bit RGB square that the network takes.
