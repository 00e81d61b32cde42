-- A text of so many bytes at most; empty where it is larger: such a row is told as a gap, and need not be carried.
((whole, most) -> if(length(whole) <= most, whole, '')) AS up_to
