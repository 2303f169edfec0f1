# shellcheck shell=bash
# A journald that hangs: guests do not notice.

case_set_up() {
    local i
    host_network
    guest_namespace
    set_pattern '^tap-vm-[0-9]+$'
    # Each advertisement is a line.
    echo AUTORA_LOG=debug >>/etc/default/autora
    for i in {1..20}; do
        plug "tap-vm-$i" "$i"
    done
    for i in {1..20}; do
        until_true 10 served "$i"
    done
}

# The kernel solicits when IPv6 is turned on, and sees no change of the carrier as it would with the link.
solicit_from_all() {
    # shellcheck disable=SC2016 # for the shell inside
    ip netns exec guest sh -c 'for guest in /proc/sys/net/ipv6/conf/g*/disable_ipv6; do
        echo 1 >"$guest"; echo 0 >"$guest"
    done'
}

# Fills journald's queue: a socket has room for less than that takes, so until a new one has no room at all.
fill_the_queue() {
    perl -MSocket -e 'do {
        socket(my $journal, AF_UNIX, SOCK_DGRAM, 0) or die $!;
        $sent = 0;
        $sent++ while send($journal, "MESSAGE=filler\n", MSG_DONTWAIT, sockaddr_un("/run/systemd/journal/socket"));
    } while ($sent)'
}

processes() {
    for i in {1..20}; do
        main_pid "tap-vm-$i"
    done
}

# What the guests sent and received, by lines "SECONDS INTERFACE Out|In ... router solicitation|advertisement".
capture() {
    # By default its buffer has room for a few packets only, which 20 guests fill while it waits for a processor.
    ip netns exec guest tcpdump --immediate-mode --snapshot-length=256 -l -tt -n -i any \
        'icmp6 and (ip6[40] == 133 or ip6[40] == 134)' 2>/tmp/tcpdump >/tmp/packets &
    until_true 5 grep -q listening /tmp/tcpdump
}

case_advertisements_go_on_in_time_while_it_hangs() {
    local journald end before
    journald=$(systemctl show --value -p MainPID systemd-journald.service)
    before=$(processes)
    capture
    # shellcheck disable=SC2064 # the process of now
    trap "kill -CONT $journald" EXIT
    kill -STOP "$journald"
    fill_the_queue
    end=$((SECONDS + 60))
    solicit_from_all
    # A tap that appears meanwhile is served too.
    plug tap-vm-21 21
    until_true 10 served 21
    while [ "$SECONDS" -lt "$end" ]; do
        # Longer than an answer may take: 3 s after the last one, and half a second.
        sleep 4
        solicit_from_all
    done
    sleep 4
    kill -CONT "$journald"
    kill %1
    wait %1 || true
    grep '^0 packets dropped by kernel' /tmp/tcpdump
    [ "$(processes)" = "$before" ]
    awk '
        / router advertisement/ {
            seen++
            if ($2 in last && $1 - last[$2] < 2.95) { print $2 ": only", $1 - last[$2], "s"; bad = 1 }
            if ($2 in asked && $1 - asked[$2] > 4) { print $2 ": answered after", $1 - asked[$2], "s"; bad = 1 }
            last[$2] = $1
            delete asked[$2]
        }
        / router solicitation/ { if (!($2 in asked)) asked[$2] = $1 }
        END {
            for (guest in asked) { print guest ": not answered"; bad = 1 }
            print "note:", seen, "advertisements"
            exit bad || seen < 20 * 10
        }' /tmp/packets
}

case_what_was_lost_meanwhile_is_told() {
    local i
    solicit_from_all
    for i in {1..20}; do
        until_true 10 told_how_much_was_lost "tap-vm-$i"
    done
    nothing_failed
}
told_how_much_was_lost() {
    journalctl --output=cat --priority=warning AUTORA_INTERFACE="$1" |
        grep -E "^$1: [1-9][0-9] lines were lost, as the journal did not take them$"
}
