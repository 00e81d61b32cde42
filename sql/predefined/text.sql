ifNull({${name}:Nullable(String)}, ${default})
