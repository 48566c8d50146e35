const light = {
  page: '#ffffff',
  ink: '#1c2330',
  soft: '#667085',
  line: '#e4e7ec',
  colors: ['#2563eb', '#0d9488', '#c026d3', '#d97706'],
  trouble: { silent: '#98a2b3', dark: '#475467', failing: '#ef4444', stuck: '#eab308' },
};
const dark: typeof light = {
  page: '#10151f',
  ink: '#eef2f8',
  soft: '#98a2b3',
  line: '#273041',
  colors: ['#60a5fa', '#2dd4bf', '#e879f9', '#fbbf24'],
  trouble: { silent: '#98a2b3', dark: '#d0d5dd', failing: '#f87171', stuck: '#facc15' },
};

// Without CSS variables, which some SVG viewers do not support.
function paint({ page, ink, soft, line, colors, trouble }: typeof light): string {
  return `.page{fill:${page}}
text{fill:${ink}}
.sub,.name.gone,.note,.tick,.count,.faint{fill:${soft}}
.after{fill:${soft}}
.grid,.rule{stroke:${line}}
.event{stroke:${ink}}
${colors.map((color, i) => `.p${i} path{stroke:${color}}`).join('')}
${Object.entries(trouble)
  .map(([kind, color]) => `.${kind}{fill:${color}}`)
  .join('')}`;
}

/** The styles of the picture, for the reader's light or dark mode. */
export const STYLE = `
svg{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
path{fill:none}
.head{font-size:21px;font-weight:600}
.sub{font-size:13px}
.name{font-size:13px;font-weight:600}
.name.gone{text-decoration:line-through}
.note,.count{font-size:10px}
.tick,.key{font-size:11px}
.end{text-anchor:end}
.event{stroke-dasharray:2 2}
.after{opacity:.1}
.once{stroke-width:3;opacity:.32}
.kept{stroke-width:1.2}
${Object.keys(light.trouble)
  .map((kind) => `.${kind}`)
  .join()}{opacity:.2}
.sample{opacity:.45}
${paint(light)}
@media (prefers-color-scheme:dark){${paint(dark)}}
`;

/** A text for an element or an attribute, without characters that XML does not allow. */
export function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replace(/[&<>"]/g, (character) => entities[character]!)
  );
}

/** The beginning of a text that is too long for its place. */
export function clip(text: string, longest = 16): string {
  const characters = [...text];
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : text;
}
