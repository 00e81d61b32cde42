-- Two rows are one event when these agree, as in the table's sorting key: a second collector, or one that restarted,
-- sends the same once more.
cityHash64(ClusterUid, if(ClusterUid = '', ClusterName, ''), Namespace, Kind, Name, EventId, Count)
