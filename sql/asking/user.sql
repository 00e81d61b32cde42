-- The user by whom the house asks questions and reads for streams. Run it once at the ClickHouse server, as a user that
-- may make users; put the password into the settings (query.username, query.password).
CREATE SETTINGS PROFILE OR REPLACE ${profile} SETTINGS
    readonly = 2 CONST,
    max_execution_time = ${seconds} MAX ${seconds},
    timeout_overflow_mode = 'throw',
    max_memory_usage = ${memory_bytes} MAX ${memory_bytes},
    max_bytes_to_read = ${bytes_read} MAX ${bytes_read},
    read_overflow_mode = 'throw',
    max_result_rows = ${rows} MIN 1 MAX ${rows},
    max_result_bytes = ${result_bytes} MIN 1 MAX ${result_bytes},
    result_overflow_mode = 'throw',
    allow_ddl = 0 CONST,
    allow_introspection_functions = 0 CONST;

CREATE USER OR REPLACE ${username} IDENTIFIED WITH sha256_hash BY '${password_hash}'
    SETTINGS PROFILE '${profile}';
