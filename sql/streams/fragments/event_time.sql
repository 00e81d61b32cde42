-- The time of a Kubernetes event as Krateo's portal has it: whole seconds.
(t -> formatDateTime(t, '%Y-%m-%dT%H:%i:%SZ', 'UTC')) AS event_time
