# shellcheck shell=bash
# What "systemctl enable, start, reload, stop, restart autora" mean.

case_the_package_has_enabled_and_started_the_switch_and_serves_nothing() {
    host_network
    guest_namespace
    systemctl is-enabled --quiet autora.service
    systemctl is-active --quiet autora.service
    ip link add other0 type veth peer name other1
    udevadm settle
    no_instance_left
}

case_setting_the_pattern_is_all_it_takes() {
    set_pattern '^tap-vm-[0-9]+$'
    plug tap-vm-1 1
    until_true 10 served 1
    is tap-vm-1 active
    unplug tap-vm-1
    until_true 5 no_instance_left
    nothing_failed
}
