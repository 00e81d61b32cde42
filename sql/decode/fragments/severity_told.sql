concat(
    -- RE2 runs over it once and need not remember its way, since it begins at the start and captures nothing.
    '^\\s*(?:',
    -- What looks like a level and is none: who asked, in an access log; a field that tells that nothing happened; a count.
    '[0-9a-fA-F.:]+ [^ ]+ [^ ]+ \\[[0-9]{2}/[A-Z][a-z]{2}/',
    '|(?i:\\w+: *(?:null|nil|<nil>|none|no|false|0|""))[ ,]*$',
    '|(?i:trace|debug|info|notice|warn|warning|error|err|severe|critical|crit|fatal|panic|fail)s?: *0[ ,;]',
    -- klog and Rails; the priority of syslog and systemd; Redis; what programs print when they fail.
    '|[DIWEF][0-9]{4} [0-9]{2}:|[DIWEF], \\[|<[0-9]{1,3}>',
    '|[0-9]+:[A-Z] [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:.]+ [.*#-] ',
    '|Traceback \\(most recent call last|Exception in thread "|(?:[a-z]\\w*\\.)+[A-Z]\\w*(?:Exception|Error)(?::|[ \t\r]*(?:\n|$))',
    '|(?:Unhandled|Uncaught) (?:(?i:exception|error|(?:promise )?rejection)(?:[:.]| at:| in (?:thread|event loop)\\b)',
    '|(?:rejection )?(?:[a-z]\\w*\\.)*[A-Z]\\w*(?:Error|Exception)\\b|rejection Error:)',
    -- JSON: a field outside inner objects, of which some may come before it; ECS; a dictionary of Python; mongod.
    '|\\{\\s*(?:"(?:[^{}]|\\{(?:[^{}]|\\{[^{}]*\\})*\\})*?,\\s*)?"(?:',
    '(?i:level|severity|lvl|level_?name|log[._]?level|@l|@level|severity_?text)" ?: ?"?[A-Za-z0-9_]+',
    '|log": ?\\{[^{}]*?"level": ?"[A-Za-z]+)',
    '|\\{\\s*(?:\'(?:[^{}]|\\{[^{}]*\\})*?,\\s*)?\'(?i:level|severity|lvl|level_?name)\' ?: ?\'?[A-Za-z0-9_]+',
    '|\\{"t":\\{"\\$date":"[^"]*"\\}, ?"s": ?"[A-Za-z0-9_]+',
    '|(?:',
    -- Times, numbers, addresses; brackets; separators.
    '[0-9][0-9A-Za-z:.,/+_#@-]*|\\[[^\\]\n]*\\]|\\([^)\n]*\\)|\\{[^}\n]*\\}|<[^>\n]*>|[ \t|:~*+(\\[-]+',
    -- Days, months, halves of a day, time zones.
    '|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|AM|PM|UTC|GMT|[CEW]ET|MSK|[A-Z]{1,3}[SD]T)\\b,?',
    -- Host and program of syslog; user and database; a logger or a container before a dash or a bar; npm and PHP.
    '|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +[0-9]+ [0-9:]+ [\\w.-]+ [\\w./@-]+(?:\\[[0-9]+\\])?: ',
    '|[\\w./@-]+\\[[0-9]+\\]: |[\\w.-]+@[\\w.-]+ |[\\w.$/-]+ +[|-] +|npm |PHP ',
    -- Class and method on the first of the two lines of java.util.logging; pairs of logfmt.
    '|[a-z]\\w*(?:\\.[\\w$]+)+ [\\w$<>]+\n',
    '|[\\w./@-]+=(?:"(?:[^"\\\\]|\\\\.)*"|[^\\s"]*)',
    ')*?(?:',
    '\\b(?i:level|lvl|severity|log[._]?level|at)=["\']?[A-Za-z_][A-Za-z0-9_]*',
    '|\\b(?:[A-Za-z_]\\w*\\.)?(?:TRACE|DEBUG[1-5]?|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|ALERT',
    '|EMERG|EMERGENCY|FATAL|PANIC|DPANIC|VERBOSE|FINE|FINER|FINEST|TRC|DBG|INF|WRN|FTL|VRB|TRAC|DEBU|ERRO|FATA|PANI|LOG:)',
    '(?:[ \t\n:,|/>\\])[!]|$)',
    '|(?:[\\[(](?:[a-z_0-9]+:)?|<)(?i:trace|debug|info|information|note|notice|system|warn|warning|error|err|severe|critical|crit',
    '|alert|emerg|fatal|panic|verbose)[1-8]? *(?:[\\])]|> )',
    '|\\b(?i:trace|debug|info|notice|deprecated|warn|warning|error|err|severe|critical|fatal|fatal error|parse error',
    '|panic|verbose|fail|dbug|trce): |\\bcrit: ',
    '|\t(?i:trace|debug|info|warn|warning|error|dpanic|panic|fatal)\t',
    '|[0-9] [DIWEFCNT] \\| ',
    '))'
)
