-- A number within its bounds; any other fails, and the text that cannot be read is the mend.
CAST(
    if(
        ifNull({${name}:Nullable(${type})}, ${default}) BETWEEN ${low} AND ${high},
        toString(ifNull({${name}:Nullable(${type})}, ${default})),
        '${mend}'
    ),
    '${type}'
)
