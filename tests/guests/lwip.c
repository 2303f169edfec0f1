/* A guest of lwIP, as Debian builds it, on a tap: `lwip TAP`. It prints its addresses and default routers whenever they
 * change, as a line of JSON, and answers echo requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lwip/ip6_addr.h"
#include "lwip/netif.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/tcpip.h"
#include "netif/tapif.h"

static struct netif card;

static void plug_in(void *unused)
{
    struct netif *netif = netif_add(&card, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, tapif_init, tcpip_input);

    (void)unused;
    /* The driver forgets it, and without it nobody hears what neighbours ask for. */
    netif->flags |= NETIF_FLAG_MLD6;
    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    netif_set_default(netif);
    netif_set_up(netif);
}

static const char *state_of(int slot)
{
    u8_t state = netif_ip6_addr_state(&card, slot);

    if (ip6_addr_ispreferred(state))
        return "preferred";
    return ip6_addr_isvalid(state) ? "deprecated" : "tentative";
}

static void describe(char *text, size_t size)
{
    const char *comma = "";
    size_t used = snprintf(text, size, "{\"addresses\": {");
    int i;

    for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isinvalid(netif_ip6_addr_state(&card, i)))
            continue;
        used += snprintf(text + used, size - used, "%s\"%s\": \"%s\"", comma, ip6addr_ntoa(netif_ip6_addr(&card, i)),
                         state_of(i));
        comma = ", ";
    }
    used += snprintf(text + used, size - used, "}, \"routers\": [");
    comma = "";
    for (i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
        struct nd6_neighbor_cache_entry *router = default_router_list[i].neighbor_entry;

        if (!router || !default_router_list[i].invalidation_timer)
            continue;
        used += snprintf(text + used, size - used, "%s\"%s\"", comma, ip6addr_ntoa(&router->next_hop_address));
        comma = ", ";
    }
    snprintf(text + used, size - used, "]}");
}

int main(int argc, char **argv)
{
    static char now[2048], shown[2048];

    if (argc != 2) {
        fprintf(stderr, "usage: lwip TAP\n");
        return 2;
    }
    /* What lwIP's own driver for taps reads: it then configures no address on this side. */
    setenv("PRECONFIGURED_TAPIF", argv[1], 1);
    tcpip_init(plug_in, NULL);
    for (;;) {
        LOCK_TCPIP_CORE();
        describe(now, sizeof(now));
        UNLOCK_TCPIP_CORE();
        if (strcmp(now, shown) != 0) {
            puts(now);
            fflush(stdout);
            strcpy(shown, now);
        }
        usleep(20000);
    }
}
