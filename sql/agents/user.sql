-- The user by whom SQL of agents runs. Run it once at the ClickHouse server, as a user that may make users; put the
-- password into the settings (mcp.sql.username, mcp.sql.password).
CREATE SETTINGS PROFILE OR REPLACE ${profile} SETTINGS
    readonly = 2 CONST,
    max_execution_time = ${seconds} MIN 0 MAX ${seconds},
    timeout_overflow_mode = 'throw',
    max_memory_usage = ${memory_bytes} MIN 0 MAX ${memory_bytes},
    max_bytes_to_read = ${bytes_read} MIN 0 MAX ${bytes_read},
    read_overflow_mode = 'throw',
    max_result_rows = ${rows} MIN 1 MAX ${rows},
    max_result_bytes = ${result_bytes} MIN 0 MAX ${result_bytes},
    result_overflow_mode = 'throw',
    max_threads = 4 MAX 4,
    max_concurrent_queries_for_user = ${at_once} CONST,
    max_recursive_cte_evaluation_depth = 1000 MAX 1000,
    max_temporary_columns = 1000 MAX 1000,
    allow_ddl = 0 CONST,
    allow_introspection_functions = 0 CONST;

CREATE USER OR REPLACE ${username} IDENTIFIED WITH sha256_hash BY '${password_hash}'
    SETTINGS PROFILE '${profile}';
