/** The page's own style. Its digest is in the Content-Security-Policy, so that nothing else on the page can style. */
export const STYLES = `
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#16191d;--soft:#4d5661;--line:#d5dae1;--link:#0b57c2;
--good:#0f6b33;--good-ground:#dff3e5;--warn:#7a4a00;--warn-ground:#fdecc8;--bad:#a3141b;--bad-ground:#fde1e1;
--open:#44505e;--open-ground:#e6eaef}
@media (prefers-color-scheme:dark){:root{--ground:#101317;--card:#191e24;--ink:#eceff3;--soft:#aab4c0;--line:#333b45;
--link:#8ab8ff;--good:#7fe0a1;--good-ground:#12351f;--warn:#ffcf70;--warn-ground:#402d05;--bad:#ffa6a6;
--bad-ground:#4b1518;--open:#c3ccd7;--open-ground:#2a323b}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere;-webkit-text-size-adjust:100%}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1rem}
header{margin-top:1rem}
.verdict{border-radius:.75rem;padding:1rem 1.25rem;border-left:.5rem solid}
.verdict p{margin:0;font-size:.875rem}
.verdict h1{margin:.25rem 0 .5rem;font-size:clamp(1.1875rem,1rem + 1.3vw,1.75rem);line-height:1.3;text-wrap:pretty}
.good{color:var(--good);background:var(--good-ground)}
.warn{color:var(--warn);background:var(--warn-ground)}
.bad{color:var(--bad);background:var(--bad-ground)}
.open{color:var(--open);background:var(--open-ground)}
.verdict a{color:inherit}
h2{font-size:1.125rem;margin:1.75rem 0 .5rem}
h3{font-size:1rem;margin:1.25rem 0 .25rem}
section>p,section>ul{margin:.5rem 0}
a{color:var(--link)}
small{display:inline-block;font-size:.8125rem;line-height:1.45;color:var(--soft)}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.badge{display:inline-block;border-radius:.375rem;padding:0 .5em;font-weight:600;white-space:nowrap}
small .badge{font-weight:500}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:.5rem;
overflow:hidden}
caption{text-align:left;font-size:.8125rem;color:var(--soft);padding:.25rem 0 .5rem}
th,td{text-align:left;vertical-align:top;padding:.625rem .75rem;border-top:1px solid var(--line)}
thead th{border-top:0;font-size:.8125rem;color:var(--soft);font-weight:600}
tbody th{font-weight:600}
td p{margin:.25rem 0 0;font-size:.875rem}
@media (min-width:48.01rem){table{table-layout:fixed}
.registries th:nth-child(1){width:17%}.registries th:nth-child(2){width:31%}.registries th:nth-child(3){width:13%}
.registries th:nth-child(4){width:27%}.registries th:nth-child(5){width:12%}
.fallbacks th:nth-child(1){width:34%}.fallbacks th:nth-child(2){width:10%}.fallbacks th:nth-child(3){width:18%}
.fallbacks th:nth-child(4){width:24%}.fallbacks th:nth-child(5){width:14%}
.pulls th:nth-child(1){width:36%}.pulls th:nth-child(2){width:10%}.pulls th:nth-child(3){width:28%}
.pulls th:nth-child(4){width:26%}}
.label{display:none}
.hosts{list-style:none;margin:0;padding:0}
.hosts li+li{margin-top:.5rem}
.hosts small{display:block;margin-top:.125rem}
.findings{list-style:none;padding:0}
.findings li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.625rem .75rem;margin:.375rem 0}
details{background:var(--card);border:1px solid var(--line);border-radius:.5rem;margin:.5rem 0}
summary{cursor:pointer;padding:.625rem .75rem;font-weight:600}
details[open]>summary{border-bottom:1px solid var(--line)}
details>table{border:0}
details>table>caption{padding:.5rem .75rem}
pre{margin:0;padding:.75rem;overflow-x:auto;overflow-wrap:normal;font-size:.8125rem}
.added{color:var(--good)}.removed{color:var(--bad)}.place{color:var(--soft)}
.sources{list-style:none;padding:0;margin:.5rem 0;display:flex;flex-wrap:wrap;gap:.5rem 1rem}
footer{margin:2rem auto;color:var(--soft);font-size:.875rem}
footer p{margin:.25rem 0}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
@media (max-width:48rem){
header,main,footer{padding:0 .75rem}
.verdict{padding:.875rem 1rem}
table,tbody,tr,th,td,caption{display:block;border:0;padding:0}
table{background:none;border-radius:0;overflow:visible}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
caption{padding:0 0 .375rem}
tr{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem;margin-bottom:.625rem}
tbody th{font-size:1.0625rem;margin-bottom:.375rem}
td{display:grid;grid-template-columns:5.5rem minmax(0,1fr);gap:.5rem;padding:.1875rem 0}
.label{display:block;font-size:.8125rem;color:var(--soft);padding-top:.125rem}
.badge{white-space:normal}
details>table{padding:.5rem}
details>table>caption{padding:0 .25rem .5rem}}
`;
