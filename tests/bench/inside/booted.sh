# shellcheck shell=bash
# Runs in a booted system that has the package: taps through udev and systemd. What is measured is printed as
# "note: KEY SAMPLE". OTHERS, SAMPLES, TURNS and BATCH come from the file "settings" beside it.

# shellcheck source=/dev/null
. /autora-tests/cases/settings

now() {
    echo "${EPOCHREALTIME/./}"
}

ready() {
    host_network
    guest_namespace
    dpkg --install /autora-debs/autora_*.deb
    set_pattern '^tap-vm-[0-9]+$'
    systemctl reload autora.service
}

# taps FIRST LAST: made in one batch.
taps() {
    local i
    for ((i = $1; i <= $2; i++)); do
        printf '%s\n' "link add tap-vm-$i type veth peer name g$i netns guest" \
            "addr add 2001:db8:$i::1/64 dev tap-vm-$i nodad" "link set tap-vm-$i up"
    done | ip -batch -
    for ((i = $1; i <= $2; i++)); do
        echo "link set g$i up"
    done | ip -n guest -batch -
}

no_taps() {
    local i
    for ((i = $1; i <= $2; i++)); do
        echo "link del tap-vm-$i"
    done | ip -batch -
    until_true 60 no_instance_left
}

served_are() {
    [ "$(ip -n guest -6 -o route show default proto ra | grep -o 'dev g[0-9]*' | sort -u | wc -l)" -ge "$1" ]
}

active_are() {
    [ "$(systemctl list-units --plain --no-legend --state=active 'autora@*.service' | wc -l)" -ge "$1" ]
}

case_batch() {
    local turn begin
    ready
    for ((turn = 0; turn < TURNS; turn++)); do
        begin=$(now)
        taps 1 "$BATCH"
        until_true 60 served_are "$BATCH"
        echo "note: batch $(($(now) - begin))"
        no_taps 1 "$BATCH"
        # The same unit, with a daemon that only says that it is there.
        mkdir -p /run/systemd/system/autora@.service.d
        printf '[Service]\nExecStart=\nExecStart=/autora-tests/idle\n' >/run/systemd/system/autora@.service.d/idle.conf
        systemctl daemon-reload
        begin=$(now)
        taps 1 "$BATCH"
        until_true 60 active_are "$BATCH"
        echo "note: floor $(($(now) - begin))"
        rm -r /run/systemd/system/autora@.service.d
        systemctl daemon-reload
        # This daemon does not notice that its interface goes.
        for ((i = 1; i <= BATCH; i++)); do
            echo "link del tap-vm-$i"
        done | ip -batch -
        systemctl stop 'autora@*.service'
    done
}

# What tcpdump prints of the first advertisement on an interface: its time in seconds.
heard() {
    grep -m 1 " $1 " /tmp/advertisements
}

case_one() {
    local i begin heard
    echo "note: others $OTHERS"
    taps 1 "$OTHERS"
    until_true 120 served_are "$OTHERS"
    ip netns exec guest tcpdump -n -l -tt -i any 'icmp6 and ip6[40] == 134' >/tmp/advertisements 2>/tmp/tcpdump &
    trap 'kill %1 2>/dev/null || true' EXIT
    until_true 10 grep -q listening /tmp/tcpdump
    for ((i = OTHERS + 1; i <= OTHERS + SAMPLES; i++)); do
        printf '%s\n' "link add tap-vm-$i type veth peer name g$i netns guest" \
            "addr add 2001:db8:$i::1/64 dev tap-vm-$i nodad" "link set tap-vm-$i up" | ip -batch -
        # With this the interface has a carrier, and without duplicate address detection a valid address at once.
        begin=$(now)
        ip -n guest link set "g$i" up
        until_true 20 heard "g$i"
        heard=$(heard "g$i")
        heard=${heard%% *}
        echo "note: one $((${heard/./} - begin))"
    done
}
