# shellcheck shell=bash
# What an operator without any privilege sees of instances that systemd and udev have started.

# What this file's cases ask, as nobody.
as_nobody() {
    setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all "$@"
}
status() {
    as_nobody autora status "$@"
}

case_set_up() {
    one_guest
    plug tap-vm-2 2
    ip link add tap-vm-3 type veth peer name g3 netns guest
    until_true 10 served 2
    until_true 10 is tap-vm-3 active
}

case_nobody_sees_every_instance() {
    status | tee /tmp/table
    grep -E '^tap-vm-1 +advertising .* 2001:db8:1::/64 +fe80::' /tmp/table
    grep -E '^tap-vm-2 +advertising .* 2001:db8:2::/64 +fe80::' /tmp/table
    grep -E '^tap-vm-3 +waiting' /tmp/table
    grep -F 'down: it is down: ip link set tap-vm-3 up' /tmp/table
    grep -x '3 instances: 2 advertising, 1 waiting' /tmp/table
    not grep -q $'\x1b' /tmp/table
    status --format json | grep -q '"interface": "tap-vm-1"'
    status --format prometheus | grep -qx 'autora_advertising{interface="tap-vm-2"} 1'
}

case_what_it_says_is_what_systemd_says() {
    local pid
    pid=$(main_pid tap-vm-1)
    status --format json tap-vm-1 | grep -qx "      \"pid\": $pid,"
    kill -KILL "$pid"
    until_true 5 restarted "$pid"
    status --format json tap-vm-1 | grep -qx '      "restarts": 1,'
}
restarted() {
    [ "$(main_pid tap-vm-1)" -gt 0 ] && [ "$(main_pid tap-vm-1)" != "$1" ] && is tap-vm-1 active
}

# lacks NAME REASON: the status of NAME is 1, and the reason is named.
lacks() {
    local text result=0
    text=$(status "$1") || result=$?
    echo "$text"
    [ "$result" -eq 1 ] && grep -Eq "^ +$2: ?" <<<"$text"
}

case_what_has_no_instance_says_why() {
    systemctl stop autora@tap-vm-1.service
    lacks tap-vm-1 stopped
    systemctl mask --now autora@tap-vm-1.service
    lacks tap-vm-1 masked
    systemctl unmask autora@tap-vm-1.service
    mkdir -p /etc/default/autora.d
    echo AUTORA_MAX_RA_INTERVAL=1s >/etc/default/autora.d/tap-vm-1.conf
    not systemctl start autora@tap-vm-1.service
    lacks tap-vm-1 'failed: .* with status 78'
    rm /etc/default/autora.d/tap-vm-1.conf
    systemctl reset-failed autora@tap-vm-1.service
    lacks lo no-match
    lacks nix no-interface
    systemctl stop autora.service
    lacks tap-vm-2 switch-off
    not status >/tmp/table
    cat /tmp/table
    [ "$(grep -c switch-off /tmp/table)" -eq 1 ]
    [ "$(grep -Ec '^tap-vm-[123] +absent' /tmp/table)" -eq 3 ]
    systemctl start autora.service
    systemctl start autora@tap-vm-1.service
    until_true 10 served
    until_true 10 served 2
    status
}

case_equal_reasons_are_folded() {
    ip link add tap-vm-4 type veth peer name g4 netns guest
    until_true 10 is tap-vm-4 active
    status --waiting | tee /tmp/table
    grep -x '2 waiting: down: it is down: ip link set NAME up' /tmp/table
    grep -x '    tap-vm-3 tap-vm-4' /tmp/table
    systemctl stop autora@tap-vm-4.service
    not status --failed >/tmp/table
    cat /tmp/table
    grep -E '^1 absent: stopped: ' /tmp/table
    grep -x '    tap-vm-4' /tmp/table
    unplug tap-vm-4
}

# A full /run keeps a new instance from publishing its state, and not from serving.
case_an_instance_without_a_state_file_runs_and_says_what_is_wrong() {
    mount -t tmpfs -o size=4k,mode=755 tmpfs /run/autora
    chown autora: /run/autora
    dd if=/dev/zero of=/run/autora/filler bs=4k count=1
    systemctl restart autora@tap-vm-1.service
    unpublished 'no room is left in /run/autora'
    # Only the state of the others is gone.
    status --format prometheus >/tmp/metrics || true
    grep -x 'autora_instance_up{interface="tap-vm-2"} 1' /tmp/metrics
    umount /run/autora
    systemctl restart autora@tap-vm-1.service
    status tap-vm-1
    rm -rf /run/autora
    unpublished '/run/autora was removed: systemctl restart autora'
    systemctl restart autora.service
    until_true 10 status
}
unpublished() {
    status >/tmp/table || true
    cat /tmp/table
    grep -E '^tap-vm-1 +running ' /tmp/table
    grep -F "unpublished: autora@tap-vm-1 runs (advertising 2001:db8:1::/64" /tmp/table | grep -F "$1"
    served
}

case_a_yielding_instance_says_for_how_long() {
    ip link set tap-vm-3 up
    ip -n guest link set g3 up
    ip addr add 2001:db8:3::1/64 dev tap-vm-3 nodad
    until_true 10 served 3
    # Another sender of this host is what the kernel counts: a raw ICMPv6 socket.
    perl -MSocket=:all -e '
        socket(my $s, AF_INET6, SOCK_RAW, 58) or die $!;
        setsockopt($s, 41, 18, pack("i", 255)) or die $!;
        my $to = pack_sockaddr_in6(0, inet_pton(AF_INET6, "ff02::1"), $ARGV[0]);
        send($s, "\x86" . "\0" x 15, 0, $to) or die $!' "$(cat /sys/class/net/tap-vm-3/ifindex)"
    # It is looked for with the next event.
    ip link set tap-vm-3 alias event
    until_true 10 yields
    status tap-vm-3
    status --format json tap-vm-3 | grep -q '"yields_until": "'
    not env LC_ALL=C autora check tap-vm-3 >/tmp/check
    grep -F 'if that is silent from now on, it yields for another ' /tmp/check
}
yields() {
    status tap-vm-3 | grep -E 'yields for another [0-9ms]+ if the other is silent from now on'
}

# A root shell's own instance, and after it the unit's for the same interface.
case_an_instance_by_hand_is_seen_and_stands_in_no_ones_way() {
    local pid
    systemctl stop autora@tap-vm-2.service
    autora --interface tap-vm-2 --interface-regex '^tap-vm-2$' 2>/tmp/by-hand &
    pid=$!
    until_true 5 status tap-vm-2
    kill -KILL "$pid"
    wait "$pid" || true
    [ "$(stat -c %U /run/autora/*."$(cat /sys/class/net/tap-vm-2/ifindex)")" = root ]
    lacks tap-vm-2 stopped
    systemctl start autora@tap-vm-2.service
    status tap-vm-2
    [ "$(stat -c %U /run/autora/*."$(cat /sys/class/net/tap-vm-2/ifindex)")" = autora ]
}

# Every instance is one of another version, which ran with DynamicUser=yes.
case_instances_move_from_a_dynamic_user_while_they_run() {
    local old
    dropin=/run/systemd/system/autora@.service.d/test.conf
    systemctl stop 'autora@*.service'
    rm -rf /run/autora
    mkdir -p "${dropin%/*}"
    printf '[Service]\nDynamicUser=yes\nRuntimeDirectoryMode=0700\n' >"$dropin"
    systemctl daemon-reload
    systemctl start autora@tap-vm-1.service autora@tap-vm-2.service autora@tap-vm-3.service
    until_true 10 served
    [ -d /run/private/autora ]
    watch_routes
    old=$(main_pid tap-vm-1)
    rm "$dropin"
    dpkg --install /autora-debs/autora_*.deb
    until_true 10 restarted "$old"
    until_true 10 is tap-vm-2 active
    until_true 10 is tap-vm-3 active
    never_lost_its_route
    status
    [ ! -L /run/autora ]
    [ ! -e /run/private/autora ]
    nothing_failed
}
