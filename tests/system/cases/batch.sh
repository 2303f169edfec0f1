# shellcheck shell=bash
# 200 interfaces at once.

all_served() {
    local with_route
    with_route=$(ip -n guest -6 -o route show default proto ra | grep -o 'dev g[0-9]*' | sort -u | wc -l)
    [ "$with_route" -eq 200 ]
}

case_200_made_in_one_batch_are_all_served() {
    local i started
    host_network
    guest_namespace
    set_pattern '^tap-vm-[0-9]+$'
    started=${EPOCHREALTIME/./}
    for i in {1..200}; do
        printf '%s\n' "link add tap-vm-$i type veth peer name g$i netns guest" \
            "addr add 2001:db8:$i::1/64 dev tap-vm-$i nodad" "link set tap-vm-$i up"
    done | ip -batch -
    for i in {1..200}; do
        echo "link set g$i up"
    done | ip -n guest -batch -
    until_true 90 all_served
    echo "note: all served after $(((${EPOCHREALTIME/./} - started) / 1000)) ms"
    [ "$(pgrep -cx autora)" -eq 200 ]
    nothing_failed
}

case_200_deleted_in_one_batch_leave_nothing_but_their_files() {
    local i
    for i in {1..200}; do
        echo "link del tap-vm-$i"
    done | ip -batch -
    until_true 30 no_instance_left
    until_true 10 nothing_failed
    [ "$(find /run/autora -type f | wc -l)" -eq 200 ]
}

# Each start deletes up to 32 that it meets.
case_later_starts_delete_these_files() {
    local i
    for i in {301..312}; do
        plug "tap-vm-$i" "$i"
        until_true 10 served "$i"
    done
    [ "$(find /run/autora -type f | wc -l)" -eq 12 ]
    for i in {301..312}; do
        unplug "tap-vm-$i"
    done
    until_true 10 no_instance_left
}
