// A guest of gVisor's netstack, as Debian packages it, on a tap: `netstack TAP`. It prints its addresses and default
// routers whenever they change, as a line of JSON, and answers echo requests.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/tun"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
)

const nic = 1

// guest is what the stack tells of neighbour discovery, whose routes are its user's to set.
type guest struct {
	mu        sync.Mutex
	Addresses map[string]string `json:"addresses"`
	Routers   []string          `json:"routers"`
	gateways  []tcpip.Address
	changed   chan struct{}
}

func (g *guest) change(how func()) {
	g.mu.Lock()
	how()
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// address follows one address.
type address struct {
	guest *guest
	text  string
}

func (a address) OnChanged(lifetimes stack.AddressLifetimes, state stack.AddressAssignmentState) {
	kind := "tentative"
	if state == stack.AddressAssigned {
		kind = "preferred"
		if lifetimes.Deprecated {
			kind = "deprecated"
		}
	}
	a.guest.change(func() { a.guest.Addresses[a.text] = kind })
}

func (a address) OnRemoved(stack.AddressRemovalReason) {
	a.guest.change(func() { delete(a.guest.Addresses, a.text) })
}

func (g *guest) OnAutoGenAddress(_ tcpip.NICID, a tcpip.AddressWithPrefix) stack.AddressDispatcher {
	return address{g, a.Address.String()}
}

func (g *guest) OnOffLinkRouteUpdated(_ tcpip.NICID, _ tcpip.Subnet, router tcpip.Address, _ header.NDPRoutePreference) {
	g.OnOffLinkRouteInvalidated(nic, tcpip.Subnet{}, router)
	g.change(func() { g.gateways = append(g.gateways, router) })
}

func (g *guest) OnOffLinkRouteInvalidated(_ tcpip.NICID, _ tcpip.Subnet, router tcpip.Address) {
	g.change(func() {
		var others []tcpip.Address
		for _, gateway := range g.gateways {
			if gateway != router {
				others = append(others, gateway)
			}
		}
		g.gateways = others
	})
}

func (*guest) OnDuplicateAddressDetectionResult(tcpip.NICID, tcpip.Address, stack.DADResult) {}
func (*guest) OnOnLinkPrefixDiscovered(tcpip.NICID, tcpip.Subnet)                            {}
func (*guest) OnOnLinkPrefixInvalidated(tcpip.NICID, tcpip.Subnet)                           {}
func (*guest) OnAutoGenAddressDeprecated(tcpip.NICID, tcpip.AddressWithPrefix)               {}
func (*guest) OnAutoGenAddressInvalidated(tcpip.NICID, tcpip.AddressWithPrefix)              {}
func (*guest) OnRecursiveDNSServerOption(tcpip.NICID, []tcpip.Address, time.Duration)        {}
func (*guest) OnDNSSearchListOption(tcpip.NICID, []string, time.Duration)                    {}
func (*guest) OnDHCPv6Configuration(tcpip.NICID, ipv6.DHCPv6ConfigurationFromNDPRA)          {}

// show sets the routes, and prints what there is.
func (g *guest) show(s *stack.Stack) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	linkLocal := header.IPv6LinkLocalPrefix.Subnet()
	routes := []tcpip.Route{{Destination: linkLocal, NIC: nic}}
	g.Routers = []string{}
	for _, router := range g.gateways {
		routes = append(routes, tcpip.Route{Destination: header.IPv6EmptySubnet, Gateway: router, NIC: nic})
		g.Routers = append(g.Routers, router.String())
	}
	s.SetRouteTable(routes)
	text, err := json.Marshal(g)
	must(err)
	return string(text)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	fd, err := tun.OpenTAP(os.Args[1])
	must(err)
	link, err := fdbased.New(&fdbased.Options{
		FDs: []int{fd}, MTU: 1500, EthernetHeader: true, Address: "\x02\x00\x5e\x00\x02\x02",
	})
	must(err)
	g := &guest{Addresses: map[string]string{}, changed: make(chan struct{}, 1)}
	s := stack.New(stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{ipv6.NewProtocolWithOptions(ipv6.Options{
			NDPConfigs:       ipv6.DefaultNDPConfigurations(),
			AutoGenLinkLocal: true,
			NDPDisp:          g,
			MLD:              ipv6.MLDOptions{Enabled: true},
			DADConfigs:       stack.DefaultDADConfigurations(),
		})},
		TransportProtocols: []stack.TransportProtocolFactory{icmp.NewProtocol6},
	})
	if err := s.CreateNIC(nic, link); err != nil {
		must(errors.New(err.String()))
	}
	shown := ""
	for {
		if now := g.show(s); now != shown {
			fmt.Println(now)
			shown = now
		}
		<-g.changed
	}
}
