#!/bin/busybox sh
# The first process of the virtual machine: the host's file system read-only
# below an overlay in memory, all cgroup2 controllers, and then the tests.
box=/bin/busybox
$box mount -t proc none /proc
$box mount -t sysfs none /sys
$box mount -t devtmpfs none /dev
for module in $($box cat /order); do
    $box insmod /modules/$module.ko || echo "module $module does not load"
done
$box mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose host /host
$box mount -t tmpfs -o size=80% none /memory
$box mkdir /memory/upper /memory/work
$box mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work none /root
for folder in proc sys dev; do $box mount --move /$folder /root/$folder; done
$box mount -t tmpfs none /root/run
$box mount -t tmpfs none /root/tmp
$box mount -t cgroup2 none /root/sys/fs/cgroup
echo "+memory +pids +cpu" > /root/sys/fs/cgroup/cgroup.subtree_control
$box ip link set lo up
$box cp /tests.sh /root/run/tests.sh
# Not a chroot: who enters a mount namespace gets its root, not a chroot.
exec $box switch_root /root /bin/sh /run/tests.sh
