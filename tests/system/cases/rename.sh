# shellcheck shell=bash
# The name or the namespace of an interface changes.

# Linux renames an interface that is up since 6.2; before, it must be down, which also takes its address away.
rename() {
    if ! ip link set "$1" name "$2"; then
        printf '%s\n' "link set $1 down" "link set $1 name $2" \
            "addr add 2001:db8:1::1/64 dev $2 nodad" "link set $2 up" | ip -batch -
    fi
}

case_into_the_pattern() {
    host_network
    guest_namespace
    set_pattern '^tap-vm-[0-9]+$'
    plug spare-1
    udevadm settle
    no_instance_left
    rename spare-1 tap-vm-1
    until_true 10 served
    is tap-vm-1 active
}

case_within_the_pattern() {
    rename tap-vm-1 tap-vm-2
    until_true 5 is tap-vm-1 inactive
    until_true 10 is tap-vm-2 active
    await_ra
    served
}

case_out_of_the_pattern_and_back() {
    rename tap-vm-2 spare-2
    until_true 5 no_instance_left
    rename spare-2 tap-vm-2
    until_true 10 is tap-vm-2 active
    await_ra
    nothing_failed
}

case_to_and_fro_50_times() {
    local i
    for i in {1..50}; do
        echo "round $i"
        rename tap-vm-2 tap-vm-1
        rename tap-vm-1 spare-1
        rename spare-1 tap-vm-2
    done
    until_true 10 is tap-vm-2 active
    until_true 10 is tap-vm-1 inactive
    await_ra
    until_true 5 nothing_failed
}

case_an_instance_that_was_stopped_is_started_under_a_new_name_only() {
    systemctl stop autora@tap-vm-2.service
    udevadm trigger --action=change --subsystem-match=net --settle
    is tap-vm-2 inactive
    rename tap-vm-2 tap-vm-3
    until_true 10 is tap-vm-3 active
}

case_to_another_namespace_and_back() {
    ip netns add elsewhere
    ip link set tap-vm-3 netns elsewhere
    until_true 5 no_instance_left
    ip -n elsewhere link set tap-vm-3 netns 1
    ip -batch - <<-'END'
	addr add 2001:db8:1::1/64 dev tap-vm-3 nodad
	link set tap-vm-3 up
	END
    until_true 10 is tap-vm-3 active
    await_ra
    until_true 5 served
    nothing_failed
}
