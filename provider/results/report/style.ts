import { createHash } from "node:crypto";

/** The page's style. Widths and places that depend on data are attributes of SVG: the page's policy forbids `style=`. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fff; --panel: #f5f6f7; --line: #e2e5e8; --ink: #1b1f23; --muted: #5d6670; --faint: #eceef0;
  --insert: #2f6fb7; --insert-odd: #437dbf; --upsert: #0b7d6b; --upsert-odd: #238f7d;
  --bad: #c9372c; --outdated: #e08a78; --invalid: #8f2d56; --warn: #b86e00; --mark: #e59500; --still: #a9b1b9; --adopted: #8a79b8; --on-bar: #fff;
  --good-panel: #eef7f1; --good: #1f7a45; --bad-panel: #fdf0ef; --warn-panel: #fdf5e6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181b; --panel: #1d2125; --line: #32383e; --ink: #e7e9eb; --muted: #9da6af; --faint: #24292e;
    --insert: #4c8bd6; --insert-odd: #3d74b6; --upsert: #2aa58f; --upsert-odd: #238c7a;
    --bad: #f0685d; --outdated: #b5574b; --invalid: #d0709b; --warn: #e0a03a; --mark: #f2b544; --still: #6c757e; --adopted: #9a8bcb; --on-bar: #0d1114;
    --good-panel: #17261d; --good: #5cc489; --bad-panel: #2b1a19; --warn-panel: #2a2214;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 0 28px; }
header { padding: 36px 0 20px; }
h1 { margin: 0; font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 14px; font-size: 19px; line-height: 1.3; }
h3 { margin: 26px 0 8px; font-size: 15px; }
p { margin: 6px 0; }
header p, footer, small, figcaption { color: var(--muted); }
header .kind { margin: 0; font-size: 13px; letter-spacing: 0.02em; }
section { padding: 26px 0; border-top: 1px solid var(--line); }
code { font: 0.9em ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.nowrap { white-space: nowrap; }
td, code { unicode-bidi: isolate; }
footer { padding: 18px 0 40px; border-top: 1px solid var(--line); font-size: 13px; }
.verdict { margin-bottom: 28px; padding: 16px 20px; border: 0; border-left: 4px solid var(--good); border-radius: 4px; background: var(--good-panel); }
.verdict h2 { margin: 0; }
.verdict.failed { border-color: var(--bad); background: var(--bad-panel); }
.verdict.early { border-color: var(--mark); background: var(--warn-panel); }
.verdict ul { margin: 4px 0; padding-left: 20px; }
.verdict + section { border-top: 0; padding-top: 0; }
.share { display: block; border-radius: 4px; background: var(--faint); }
.inserted { fill: var(--insert); } .updated { fill: var(--upsert); } .unchanged { fill: var(--still); } .adopted { fill: var(--adopted); }
.present { fill: var(--upsert); } .linked { fill: var(--adopted); } .missing { fill: var(--bad); } .gone { fill: var(--still); }
.notAsWritten { fill: var(--invalid); } .changedThere { fill: var(--mark); } .others { fill: none; stroke: var(--muted); }
.conflicts { fill: var(--warn); } .outdated { fill: var(--outdated); }
.notApplied { fill: var(--mark); } .failed { fill: var(--bad); } .invalid { fill: var(--invalid); }
.parts, .facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 16px 24px; margin: 18px 0 8px; }
.parts dt, .facts dt { color: var(--muted); font-size: 13px; }
.parts dt svg { margin-right: 7px; }
.parts dd, .facts dd { margin: 0; }
.parts b { font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.parts dd span, .much span { color: var(--muted); font-size: 13px; }
.parts small { display: block; font-size: 13px; line-height: 1.35; }
.parts .none b, .parts .none dt { color: var(--muted); font-weight: 400; }
.parts .none svg { opacity: 0.35; }
.removed { fill: none; stroke: var(--muted); }
.facts dd { font-size: 16px; }
.codes article { display: grid; grid-template-columns: 130px 1fr; gap: 24px; padding: 16px 0; border-top: 1px solid var(--line); }
.codes article:first-child { border-top: 0; padding-top: 0; }
.codes h3 { margin: 3px 0 4px; }
.codes p { max-width: 46em; }
.much b { font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.much svg { display: block; margin-top: 6px; }
.tag { display: inline-block; margin-left: 6px; padding: 0 8px; border: 1px solid var(--line); border-radius: 9px; color: var(--muted); font-size: 12px; font-weight: 400; line-height: 18px; }
.tag.helps { color: var(--good); border-color: currentColor; }
.scroll { overflow-x: auto; }
.records { table-layout: fixed; min-width: 620px; }
.records th:first-child { width: 36%; }
.why th:first-child { width: 27%; } .why th:last-child { width: 36%; }
.records td { overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { color: var(--muted); font-size: 13px; font-weight: 400; text-align: left; white-space: nowrap; }
th, td { padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.jobs td { white-space: nowrap; }
.jobs td:last-child { white-space: normal; min-width: 160px; }
details { margin-top: 14px; }
details[open] summary { margin-bottom: 10px; }
summary { cursor: pointer; color: var(--muted); }
figure { margin: 0; }
figcaption { font-size: 13px; margin-bottom: 8px; }
.plot { display: grid; grid-template-columns: 52px 1fr; gap: 10px; }
.plot + .plot { margin-top: 10px; }
.plot svg { display: block; width: 100%; overflow: hidden; }
.plot text { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.names text { text-anchor: end; }
.tick text, text.tick { text-anchor: middle; }
.grid { stroke: var(--line); }
.lane { fill: var(--faint); }
path.insert, :where(.insert) rect { fill: var(--insert); }
path.upsert, :where(.upsert) rect { fill: var(--upsert); }
:where(.insert.odd) rect { fill: var(--insert-odd); }
:where(.upsert.odd) rect { fill: var(--upsert-odd); }
:where(.lost) rect { fill: url(#lost); stroke: var(--bad); }
rect.wait { fill: url(#wait); stroke: none; }
rect.bad { fill: var(--bad); stroke: none; }
.plot g svg text { fill: var(--on-bar); }
circle { fill: var(--mark); stroke: var(--page); stroke-width: 1.5; }
.mean { stroke: var(--ink); stroke-dasharray: 2 4; }
rect.pause { fill: var(--panel); }
.interruption { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 3 3; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 12px; padding: 0; list-style: none; color: var(--muted); font-size: 13px; }
.legend svg { margin-right: 7px; vertical-align: -1px; }
p.span { margin: 14px 0 2px; color: var(--muted); font-size: 13px; }
p.pause { margin: 18px 0 0; padding-top: 4px; border-top: 1px dashed var(--line); color: var(--muted); font-size: 13px; text-align: center; }
.audit ul { margin: 4px 0; padding-left: 20px; }
.signatures { display: grid; grid-template-columns: 1fr 1fr; gap: 40px; margin: 56px 0 12px; }
.signatures dt { padding-top: 6px; border-top: 1px solid var(--ink); color: var(--muted); font-size: 13px; }
.signatures dd { margin: 0; }
.patterns { position: absolute; }
pattern rect { fill: var(--faint); } pattern line { stroke-width: 4; } #wait line { stroke: var(--still); } #lost line { stroke: var(--bad); }
@media (max-width: 640px) {
  main { padding-left: 16px; padding-right: 16px; }
  .minor, .wide { display: none; }
  .plot { grid-template-columns: 30px 1fr; gap: 6px; }
  .plot g svg text { display: none; }
  .parts, .facts { grid-template-columns: 1fr 1fr; }
  .codes article { grid-template-columns: 1fr; gap: 8px; }
}
@media print { body { font-size: 12px; } section { break-inside: avoid; } .audit { break-before: page; border-top: 0; } }
`;

/** For the page's policy, which lets in no other style. */
export const STYLE_DIGEST = `sha256-${createHash("sha256").update(STYLE).digest("base64")}`;
