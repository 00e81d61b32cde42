-- What tells one event of an object from another, in the cluster that it came from.
(if(ClusterUid != '', ClusterUid, ClusterName), EventId)
