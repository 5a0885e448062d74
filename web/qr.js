// @ts-check
// A text as a QR code, black on white in dark mode too: cameras want it so.

import { useEffect, useMemo } from "./vendor/preact-hooks.js";
import { signal } from "./vendor/signals.js";
import { html } from "./parts.js";

/** @param {{ of: string, says: string }} told */
export function Qr({ of, says }) {
  const code = useMemo(() => signal(/** @type {boolean[][]} */ ([])), []);
  useEffect(() => {
    import("./vendor/qr.js").then(({ encode }) => (code.value = encode(of, { border: 4 }).data), () => {}); // the link is there
  }, [of]);
  const size = code.value.length;
  const dark = code.value.flatMap((row, y) => row.flatMap((is, x) => (is ? [`M${x},${y}h1v1h-1z`] : [])));
  return html`<svg class="qr" role="img" aria-label=${says} viewBox=${`0 0 ${size || 1} ${size || 1}`} shape-rendering="crispEdges">
    <rect fill="#fff" width="100%" height="100%" /><path fill="#000" d=${dark.join("")} /></svg>`;
}
