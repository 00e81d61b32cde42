(
    {attribute:String} != ''
    OR {attribute_value:String} = ''
    OR has(mapValues(LogAttributes), {attribute_value:String})
    OR has(mapValues(ResourceAttributes), {attribute_value:String})
)
