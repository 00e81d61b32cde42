(
    {attribute:String} = ''
    OR if(
        {attribute_value:String} = '',
        mapContains(LogAttributes, {attribute:String}) OR mapContains(ResourceAttributes, {attribute:String}),
        LogAttributes[{attribute:String}] = {attribute_value:String}
            OR ResourceAttributes[{attribute:String}] = {attribute_value:String}
    )
)
