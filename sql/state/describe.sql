DESCRIBE TABLE (
${query}
)
