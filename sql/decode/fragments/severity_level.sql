if(
    -- A Java exception by its class.
    match(told, '(?:Exception|Error)(?::|[ \t\r]*\n?)$'),
    17,
    transform(
        -- The last word, or what stands for one: the first letter of klog and Rails with what follows it, a priority.
        lower(
            trimRight(
                extract(
                    -- A number is the level of a logger in JSON alone, which has a message or a time as well.
                    if(
                        startsWith(told, '{')
                        AND match(told, '[^A-Za-z0-9_][0-9]+$')
                        AND NOT match(Body, '["\'](?i:msg|message|@?timestamp|time|ts|datetime)["\'] ?:'),
                        '',
                        told
                    ),
                    concat(
                        '^\\s*(?:[DIWEF][01,]|<[0-9]+|Tracebac|Exce|Unhandled |Uncaught )',
                        -- A count of something: `12 ERROR records`. Behind a fraction of a second it is a process id.
                        '|(?:^\\s*|\\b[0-9]{1,2}:[0-9:]+Z?[ \t]+)(?:[0-9]{1,3}|[013-9][0-9]{3}|[0-9]{5,8})[ \t]+',
                        '(?:[A-Z]+[ \t,]*|[A-Z]?[a-z]+: )$',
                        '|(?i:fatal )?[A-Za-z0-9_]+[ \t\n:,|/>\\])\\[!"]*$|[.*#-] *$'
                    )
                ),
                ' \t\n:,|/>])[!"'
            )
        ),
        arrayConcat(
            ['trace', 'trac', 'trc', 'trce', 'verbose', 'vrb', 'finer', 'finest', 't', '10'],
            [
                'debug', 'debu', 'dbg', 'dbug', 'debug1', 'debug2', 'debug3', 'debug4', 'debug5', 'fine',
                'd', 'd0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd,', '20', '100', '.', '-'
            ],
            [
                'info', 'inf', 'information', 'notice', 'note', 'system', 'log', 'i', 'i0', 'i1', 'i,', 'n', 'c',
                '30', '200', '250', '*'
            ],
            ['warn', 'warning', 'wrn', 'deprecated', 'w', 'w0', 'w1', 'w,', '40', '300', '#'],
            [
                'error', 'err', 'erro', 'severe', 'fail', 'e', 'e0', 'e1', 'e,', '50', '400',
                'tracebac', 'exce', 'unhandled', 'uncaught'
            ],
            [
                'fatal', 'fata', 'ftl', 'fatal error', 'critical', 'crit', 'alert', 'emerg', 'emergency', 'panic', 'pani',
                'dpanic', 'f', 'f0', 'f1', 'f,', '60', '500', '550', '600'
            ],
            arrayMap(priority -> concat('<', toString(priority)), range(192))
        ),
        arrayConcat(
            arrayWithConstant(10, 1),
            arrayWithConstant(22, 5),
            arrayWithConstant(17, 9),
            arrayWithConstant(11, 13),
            arrayWithConstant(15, 17),
            arrayWithConstant(20, 21),
            arrayMap(priority -> [21, 21, 21, 17, 13, 9, 9, 5][priority % 8 + 1], range(192))
        ),
        0
    )
)
