#!/bin/sh
# A Proxmox VE hookscript that gives the tap of a VM's net0 its /64, which autora then advertises.
#
#     cp autora-prefix.sh /var/lib/vz/snippets/ && chmod +x /var/lib/vz/snippets/autora-prefix.sh
#     qm set 100 --hookscript local:snippets/autora-prefix.sh
#
# and in /etc/default/autora: AUTORA_INTERFACE_REGEX='^tap[0-9]+i0$'
#
# Proxmox makes every tap a port of a bridge. A port is not a routed interface: an address on it has no effect. There
# are two solutions:
#
# - This script removes the tap from its bridge. For a moment before that, the guest is on the bridge: use a bridge
#   without any other port (in /etc/network/interfaces: iface vmbr9 inet manual, with bridge-ports none), and set net0
#   to bridge=vmbr9,firewall=0. The script refuses anything else. With firewall=1 the tap is on its own bridge
#   (fwbr100i0), and Proxmox's rules would not apply. A change of net0 while the guest runs makes it a port again.
# - Or no script: a bridge for each guest (vmbr100, with the address 2001:db8:1:100::1/64, bridge-ports none), and a
#   pattern for the bridges. This keeps Proxmox's firewall but needs a bridge for each guest.
#
# Proxmox calls it with the VM's id and the phase. If it fails in pre-start, the guest does not start.
set -eu

# The /48 of this cluster. The subnet is the VM's id, read as hexadecimal digits: VM 100 gets 2001:db8:1:100::/64.
NETWORK=2001:db8:1

vmid=$1
phase=$2
tap=tap${vmid}i0

refuse() {
    echo "autora-prefix: VM $vmid: $*" >&2
    exit 1
}

# conf INTERFACE NAME [VALUE] reads or sets the sysctl net.ipv6.conf.INTERFACE.NAME.
conf() {
    if [ $# -eq 3 ]; then
        echo "$3" >"/proc/sys/net/ipv6/conf/$1/$2"
    else
        cat "/proc/sys/net/ipv6/conf/$1/$2"
    fi
}

remove_from_bridge() {
    [ -e "/sys/class/net/$tap/master" ] || return 0
    bridge=$(basename "$(readlink "/sys/class/net/$tap/master")")
    case $bridge in
    fwbr*) refuse "$tap is behind the firewall's bridge $bridge: set firewall=0 for net0" ;;
    esac
    for port in "/sys/class/net/$bridge/brif"/*; do
        case ${port##*/} in
        tap[0-9]*) ;;
        *) refuse "$tap is on $bridge with ${port##*/}: put net0 on a bridge without other ports" ;;
        esac
    done
    ip link set dev "$tap" nomaster
}

case $phase in
pre-start)
    [ "$vmid" -le 9999 ] || refuse "an id over 9999 does not fit into the subnet's four digits"
    [ "$(conf all forwarding)" = 1 ] || refuse "this host does not forward: sysctl -w net.ipv6.conf.all.forwarding=1"
    ;;
post-start)
    [ -d "/sys/class/net/$tap" ] || refuse "there is no $tap: net0 needs a bridge"
    remove_from_bridge
    # Ignore a guest's advertisements. Proxmox turns IPv6 off on its taps.
    conf "$tap" accept_ra 0
    conf "$tap" disable_ipv6 0
    # With 1 there is no link-local address.
    [ "$(conf "$tap" addr_gen_mode)" != 1 ] || conf "$tap" addr_gen_mode 0
    conf "$tap" forwarding 1
    ip link set dev "$tap" promisc off up
    ip -6 address replace "$NETWORK:$vmid::1/64" dev "$tap"
    ;;
esac
