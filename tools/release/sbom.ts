/**
 * Writes the software bill of materials of an executable (SPDX 2.3, JSON) and the notices that its parts ask for.
 *
 * @module
 */

import type { Component } from "./components.ts";

/** The executable, as the documents name it. */
export interface Subject {
  /** The archive's name. */
  readonly name: string;
  readonly version: string;
  /** Of the executable. */
  readonly sha256: string;
}

const REPOSITORY = "https://github.com/orange-cloudfoundry/mdproxy4cs";

/** Writes the bill. The same executable gives the same text: it has no time but the one of files in archives. */
export function formatSbom({ name, version, sha256 }: Subject, components: readonly Component[]): string {
  const ids = components.map((component) =>
    `SPDXRef-${component.name}-${component.version}`.replace(/[^A-Za-z0-9.-]/g, "-")
  );
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `${REPOSITORY}/releases/download/v${version}/${name}.spdx.json#${sha256}`,
    creationInfo: {
      created: "1980-01-01T00:00:00Z",
      creators: [`Tool: mdproxy4cs-release-${version}`],
      comment: "No clock is in a release. The crates are those whose names the executable holds.",
    },
    packages: [
      {
        SPDXID: "SPDXRef-mdproxy4cs",
        name: "mdproxy4cs",
        versionInfo: version,
        downloadLocation: `${REPOSITORY}/releases/download/v${version}/${name}.tar.gz`,
        filesAnalyzed: false,
        checksums: [{ algorithm: "SHA256", checksumValue: sha256 }],
        licenseConcluded: "Apache-2.0",
        licenseDeclared: "Apache-2.0",
        copyrightText: "NOASSERTION",
        primaryPackagePurpose: "APPLICATION",
      },
      ...components.map(({ name, version, license, copyright, purl }, i) => ({
        SPDXID: ids[i],
        name,
        versionInfo: version,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseConcluded: "NOASSERTION",
        licenseDeclared: license,
        copyrightText: copyright ?? "NOASSERTION",
        externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
      })),
    ],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-mdproxy4cs" },
      ...ids.map((id) => ({
        spdxElementId: "SPDXRef-mdproxy4cs",
        relationshipType: "CONTAINS",
        relatedSpdxElement: id,
      })),
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Writes the notices: who wrote what is inside, and under which terms. */
export function formatNotices(components: readonly Component[]): string {
  const known = components.filter(({ license }) => license !== "NOASSERTION");
  const others = components.filter(({ license }) => license === "NOASSERTION");
  const licenses = [...new Set(known.map(({ license }) => license))];
  return [
    "The executable mdproxy4cs is licensed under the Apache License 2.0, see LICENSE. It holds the runtime that it is",
    "compiled with, and libraries:",
    "",
    ...known.map(({ name, version, license, copyright }) => `    ${name} ${version}: ${license}. ${copyright}`),
    "",
    "and, as parts of the runtime, these crates of Rust, whose terms are at https://crates.io/crates/NAME/VERSION:",
    "",
    ...wrap(others.map(({ name, version }) => `${name} ${version}`)),
    ...licenses.flatMap((license) => ["", "-".repeat(80), license, "", licenseText(license)]),
    "",
  ].join("\n");
}

/** The text of a license. @throws {Error} If it is not here. */
export function licenseText(license: string): string {
  const text = TEXTS[license];
  if (text === undefined) throw new Error(`There is no text of the license ${license} here`);
  return text.trim();
}

function wrap(words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = "   ";
  for (const [i, word] of words.entries()) {
    const next = ` ${word}${i === words.length - 1 ? "" : ","}`;
    if (line.length + next.length > 118) {
      lines.push(line);
      line = "   ";
    }
    line += next;
  }
  return [...lines, line];
}

const AS_IS_BSD = `
THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES;
LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN
CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS
SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.`;

const BSD_2 = `
Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.`;

/**
 * By SPDX identifier, word for word as published: the first three as in packages of Debian (BSD-2-Clause also in dotenv's LICENSE),
 * Unicode-3.0 as in the LICENSE of Node.js.
 */
const TEXTS: Readonly<Record<string, string>> = {
  "MIT": `
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`,
  "BSD-2-Clause": BSD_2 + "\n" + AS_IS_BSD,
  "BSD-3-Clause": `${BSD_2}
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products
   derived from this software without specific prior written permission.
${AS_IS_BSD}`,
  "Unicode-3.0": `
UNICODE LICENSE V3

COPYRIGHT AND PERMISSION NOTICE

NOTICE TO USER: Carefully read the following legal agreement. BY DOWNLOADING, INSTALLING, COPYING OR OTHERWISE USING DATA
FILES, AND/OR SOFTWARE, YOU UNEQUIVOCALLY ACCEPT, AND AGREE TO BE BOUND BY, ALL OF THE TERMS AND CONDITIONS OF THIS
AGREEMENT. IF YOU DO NOT AGREE, DO NOT DOWNLOAD, INSTALL, COPY, DISTRIBUTE OR USE THE DATA FILES OR SOFTWARE.

Permission is hereby granted, free of charge, to any person obtaining a copy of data files and any associated
documentation (the "Data Files") or software and any associated documentation (the "Software") to deal in the Data Files
or Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, and/or sell copies of the Data Files or Software, and to permit persons to whom the Data Files or Software
are furnished to do so, provided that either (a) this copyright and permission notice appear with all copies of the Data
Files or Software, or (b) this copyright and permission notice appear in associated Documentation.

THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD PARTY RIGHTS.

IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM, OR ANY SPECIAL
INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THE DATA FILES OR SOFTWARE.

Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise to
promote the sale, use or other dealings in these Data Files or Software without prior written authorization of the
copyright holder.`,
};
