-- One of a few words, in any case; any other is no element of the Enum.
toString(CAST(lower(ifNull({${name}:Nullable(String)}, ${default})), 'Enum8(${choices})'))
