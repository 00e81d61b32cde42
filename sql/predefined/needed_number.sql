-- The same for one that has to be given.
CAST(if({${name}:${type}} BETWEEN ${low} AND ${high}, toString({${name}:${type}}), '${mend}'), '${type}')
