/**
 * A stand-in for the service manager: listens on the socket named by its argument and prints what it is told, one line of
 * JSON for each datagram. Run inside a host by `startScript`.
 *
 * @module
 */

if (import.meta.main) {
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: Deno.args[0]! });
  console.log("listening");
  for (;;) {
    const [datagram] = await socket.receive();
    console.log(JSON.stringify(new TextDecoder().decode(datagram)));
  }
}
