"""How pages for people look: one stylesheet, light and dark, for a phone, a screen and paper."""

import base64
import hashlib
from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--page:#f3f5f8;--card:#fff;--ink:#17202b;--soft:#56616f;--line:#dde3ea;--blue:#0a5c96;
--bar:#0072b2;--band:#d5e8f5;--cover:#b3bcc7;--warn:#fff4dc;--edge:#e69f00;--on:#fff}
@media(prefers-color-scheme:dark){:root{--page:#10151c;--card:#1a222c;--ink:#e9eef4;--soft:#a3b0bf;--line:#2e3946;
--blue:#79c0f0;--bar:#56b4e9;--band:#21394c;--cover:#5d6a79;--warn:#33290f;--edge:#e69f00;--on:#0d1319}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:44rem;margin:0 auto;padding:1.25rem 1rem 4rem}
main.broad{max-width:68rem}
header{display:flex;justify-content:space-between;align-items:baseline;gap:1rem}
h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .4rem;letter-spacing:-.015em}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 .5rem}
h3{font-size:1rem;margin:1rem 0 .2rem}
p{margin:.45rem 0}
a{color:var(--blue);text-underline-offset:.18em}
section,.note{background:var(--card);border:1px solid var(--line);border-radius:14px;
padding:1.15rem 1.2rem;margin:1rem 0}
.note{background:var(--warn);border-color:var(--edge)}
.soft{color:var(--soft);font-size:.95rem}
.say{font-size:1.125rem}.whole{white-space:nowrap}
.state{display:inline-block;border-left:4px solid var(--bar);padding-left:.6rem;font-weight:600}
.state.off{border-color:var(--edge)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:0;margin:.2rem 0 .6rem;
list-style:none;color:var(--soft);font-size:.9rem}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:3px;margin-right:.4rem;vertical-align:-.05rem}
.k-share{background:var(--bar)}.k-band{background:var(--band)}.k-cover{background:var(--cover)}
.legend .k-thin{border:1.5px solid var(--soft);border-radius:50%;width:.6rem;height:.6rem}
svg{display:block;width:100%;height:auto;margin:.6rem 0}
svg text{font-size:11.5px;fill:var(--soft)}
.grid{stroke:var(--line)}.band{fill:var(--band)}.share{fill:var(--bar)}.cover{fill:var(--cover)}
.thin{fill:none;stroke:var(--soft);stroke-width:1.5}
.wide{display:none}
@media(min-width:38rem){.wide{display:block}.narrow{display:none}svg text{font-size:12px}}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th{text-align:left;color:var(--soft);font-weight:600}
td,th{padding:.42rem .7rem .42rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td{overflow-wrap:anywhere;min-width:3.5rem}
th[scope=row]{width:15rem}
tr:last-child td,tr:last-child th[scope=row]{border-bottom:0}
ul.who{list-style:none;margin:.4rem 0;padding:0}
ul.who li{padding:.5rem 0;border-bottom:1px solid var(--line)}
ul.who li:last-child{border:0}
time{color:var(--soft);font-size:.9rem;display:block}
summary{cursor:pointer;color:var(--blue);padding:.5rem 0;min-height:2.75rem}
.words{white-space:pre-line;border-left:3px solid var(--line);padding-left:.9rem}
.do{display:grid;gap:.6rem;margin:.8rem 0;padding:0;list-style:none}
.button{display:block;width:100%;min-height:3rem;padding:.7rem 1rem;border:1.5px solid var(--blue);
border-radius:10px;background:none;color:var(--blue);font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
.button.main{background:var(--blue);color:var(--on)}
textarea{width:100%;min-height:8rem;font:inherit;padding:.7rem;border:1.5px solid var(--soft);
border-radius:10px;background:var(--card);color:var(--ink)}
label{display:block;font-weight:600;margin:.8rem 0 .3rem}
:focus-visible{outline:3px solid var(--edge);outline-offset:2px;border-radius:6px}
@media(min-width:38rem){.do{grid-template-columns:1fr 1fr}}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--blue:#000;--warn:#fff}
.no-print{display:none}main{max-width:none;padding:0}
section,.note{border-radius:0;border-width:1px 0 0;padding:.6rem 0;break-inside:avoid}
body{font-size:11pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""No script, no picture and no style but this one, whatever somebody writes into a reason."""
