#!/bin/busybox sh
# The first process of a virtual machine with a system of its own on its disk.
box=/bin/busybox
$box mount -t proc none /proc
$box mount -t sysfs none /sys
$box mount -t devtmpfs none /dev
for module in $($box cat /order); do
    $box insmod /modules/$module.ko || echo "module $module does not load"
done
$box mount -t ext4 /dev/vda /root || echo "no disk"
for folder in proc sys dev; do $box mount --move /$folder /root/$folder; done
exec $box switch_root /root /lib/systemd/systemd
