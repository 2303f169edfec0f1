# shellcheck shell=bash
# An instance that a guest's packet has taken over: what it can do is in tests/system/tools/attack.c.

case_set_up() {
    one_guest
    plug tap-vm-2 2
    until_true 10 served 2
    # Each attack ends a process, which comes back at once.
    mkdir -p /run/systemd/system/autora@tap-vm-1.service.d
    printf '[Service]\nRestartSec=0\n' >/run/systemd/system/autora@tap-vm-1.service.d/test.conf
    systemctl daemon-reload
}

# The process that serves tap-vm-1 now waits for something to do: it is behind its start, and has built its wall.
victim() {
    local pid
    pid=$(main_pid tap-vm-1)
    [ "$pid" -ne 0 ] && is tap-vm-1 active && grep -q '^Seccomp:.2' "/proc/$pid/status" &&
        [ "$(cut -d ' ' -f 1 <"/proc/$pid/syscall")" = 7 ]
}

attacks_are_refused() {
    local attack said other index file
    other=$(main_pid tap-vm-2)
    index=$(cat /sys/class/net/tap-vm-2/ifindex)
    file=$(echo /run/autora/*."$index")
    for attack; do
        until_true 10 victim
        said=$(/autora-debs/attack "$attack" "$(main_pid tap-vm-1)" "$other" "$index" "$file" 2>&1) ||
            fail "$attack: $said"
        [ "$said" = SIGSYS ] || fail "$attack: $said"
    done
}

# Each is in the journal.
told_of() {
    [ "$(journalctl -u autora@tap-vm-1.service | grep -c 'status=31/SYS')" -eq "$1" ]
}

case_whatever_it_tries_ends_it_and_harms_no_other() {
    local attacks before other
    mapfile -t attacks < <(/autora-debs/attack --list)
    other=$(main_pid tap-vm-2)
    before=$(stat -c '%i %U %a' /run/autora/*)
    ip netns exec guest tcpdump --immediate-mode -l -n -e -i g2 >/tmp/g2 2>/tmp/tcpdump &
    until_true 5 grep -q listening /tmp/tcpdump
    attacks_are_refused "${attacks[@]}"
    kill %1
    echo "note: ${#attacks[@]} attacks"
    [ "${#attacks[@]}" -ge 70 ]
    until_true 10 told_of "${#attacks[@]}"
    [ "$(main_pid tap-vm-2)" = "$other" ]
    [ "$(systemctl show --value -p NRestarts autora@tap-vm-2.service)" = 0 ]
    not grep -q '61 74 74 61 63 6b\|attack' /tmp/g2
    # Its own file is a new one after each restart, the other's is the same.
    [ "$(stat -c '%U' /run/autora/*)" = $'autora\nautora' ]
    comm -12 <(sort <<<"$before") <(stat -c '%i %U %a' /run/autora/* | sort) | grep -q .
    until_true 10 served
    served 2
}

# The machines have the kernel's log; a container has not.
case_the_kernels_log_names_the_call() {
    local call=101 # ptrace
    if systemd-detect-virt --quiet --container; then
        echo "note: a container has no log of the kernel"
        return
    fi
    until_true 10 kernel_named "$call"
}
kernel_named() {
    journalctl --dmesg | grep -E "type=1326.*comm=\"autora\".* syscall=$1 "
}

case_it_holds_no_privilege() {
    local status pid
    pid=$(main_pid tap-vm-1)
    status=$(cat "/proc/$pid/status")
    grep -q '^NoNewPrivs:.1' <<<"$status"
    grep -q '^CapEff:.0*$' <<<"$status"
    grep -q '^CapPrm:.0*$' <<<"$status"
    grep -q '^CapAmb:.0*$' <<<"$status"
    # What cannot be dumped belongs to root in /proc.
    [ "$(stat -c %U "/proc/$pid/mem")" = root ]
    not setpriv --reuid=autora --clear-groups cat "/proc/$pid/environ"
}

case_started_by_hand_root_becomes_the_user_autora() {
    local pid
    systemctl stop autora@tap-vm-1.service
    autora --interface tap-vm-1 --interface-regex '^tap' 2>/tmp/by-hand &
    pid=$!
    until_true 5 grep -q "^Uid:.$(id -u autora)" "/proc/$pid/status"
    until_true 10 served
    grep -q '^CapBnd:.0*$' "/proc/$pid/status"
    grep -q '^Groups:.$' "/proc/$pid/status" || grep '^Groups:' "/proc/$pid/status"
    kill "$pid"
    wait "$pid"
    systemctl start autora@tap-vm-1.service
}

# A person's account is not the user of the package.
case_without_that_user_it_says_so() {
    local pid
    systemctl stop autora@tap-vm-1.service
    cp /etc/passwd /tmp/passwd
    sed -i 's/^autora:x:[0-9]*:/autora:x:1234:/' /etc/passwd
    autora --interface tap-vm-1 --interface-regex '^tap' 2>/tmp/by-hand &
    pid=$!
    until_true 5 grep -q 'running as root without a capability, as there is no system user autora' /tmp/by-hand
    until_true 10 served
    kill "$pid"
    wait "$pid"
    cp /tmp/passwd /etc/passwd
    systemctl start autora@tap-vm-1.service
}

# Nobody deletes what an instance left but a later start.
case_a_later_start_deletes_the_files_of_interfaces_that_are_gone() {
    local index
    index=$(cat /sys/class/net/tap-vm-2/ifindex)
    ls /run/autora/*."$index"
    unplug tap-vm-2
    until_true 10 is tap-vm-2 inactive
    ls /run/autora/*."$index"
    systemctl restart autora@tap-vm-1.service
    not ls /run/autora/*."$index"
    [ "$(find /run/autora -type f | wc -l)" -eq 1 ]
}
