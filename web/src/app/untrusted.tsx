// A browser does not say why a websocket failed. What it mostly is, and what to do.
import type { JSX } from "preact";
import { Note } from "../ui/basics";

export function Untrusted({ url }: { url: string }): JSX.Element {
  const isSecure = url.startsWith("wss:");
  let host = url;
  try {
    host = new URL(url).host;
  } catch {
    // It is shown as it was typed.
  }
  const isMixed = location.protocol === "https:" && !isSecure;
  return (
    <div>
      <Note tone="bad">No connection to {host}. The browser does not say why.</Note>
      <ul class="hints">
        {isMixed ? <li>This page came over https; browsers then allow wss:// only.</li> : null}
        <li>Is a broker running there, and is this its websockets port?</li>
        {isSecure ? (
          <li>
            Does this browser trust the broker's certificate? It asks no question about websockets: with an authority of
            your own (that of <code>make run</code> is <code>ca.crt</code> in its folder) the connection just fails. Import
            the authority: in Firefox under Settings, Privacy &amp; Security, Certificates, Authorities; in Chromium on Linux
            with <code>certutil -d sql:$HOME/.pki/nssdb -A -n petstore -t C,, -i ca.crt</code>; then start the browser anew.
          </li>
        ) : null}
        {isSecure ? <li>Is {host} one of the names in the certificate?</li> : null}
      </ul>
    </div>
  );
}
