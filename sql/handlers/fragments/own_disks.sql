system.disks
