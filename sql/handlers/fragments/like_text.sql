-- LIKE is what all kinds of index on lower(Body) serve; its special characters are made ordinary.
concat('%', replaceRegexpAll(lower({text:String}), '[%_\\\\]', '\\\\\\0'), '%') AS like_text
