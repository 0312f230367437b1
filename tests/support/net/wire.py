"""A wire with faults: carries Ethernet frames between two interfaces of its namespace, both ways.

    wire.py INTERFACE INTERFACE LOSS DELAY

Each frame is lost with a probability of LOSS percent; those that are not arrive DELAY milliseconds later. It needs no
kernel module, as netem would be, and leaves frames as they are, with what the kernel has left for a network card to do.
"""

import heapq
import itertools
import random
import select
import socket
import sys
import time

# linux/if_ether.h and linux/if_packet.h
ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_OUTGOING = 4


def open_port(interface):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    # A header before each frame says which checksums are still to be reckoned, and what is to be cut into packets.
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    port.bind((interface, ETH_P_ALL))
    port.setblocking(False)
    return port


def receive(port):
    """Yields what has come, and not what was sent through the port itself."""
    while True:
        try:
            frame, address = port.recvfrom(1 << 17)
        except BlockingIOError:
            return
        if address[2] != PACKET_OUTGOING:
            yield frame


def carry(ports, loss, delay):
    opposite = {ports[0]: ports[1], ports[1]: ports[0]}
    under_way = []
    order = itertools.count()
    while True:
        pause = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        for port in select.select(ports, [], [], pause)[0]:
            for frame in receive(port):
                if random.random() >= loss:
                    heapq.heappush(under_way, (time.monotonic() + delay, next(order), opposite[port], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, port, frame = heapq.heappop(under_way)
            try:
                port.send(frame)
            except OSError:
                pass  # the other end is down


ends = [open_port(interface) for interface in sys.argv[1:3]]
print("carrying", flush=True)
carry(ends, float(sys.argv[3]) / 100, float(sys.argv[4]) / 1000)
