// googleapis and google-spreadsheet of npm against the sandbox: they must not notice.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const { google } = require('googleapis')
const { GoogleSpreadsheet } = require('google-spreadsheet')
const { JWT } = require('google-auth-library')
const { version } = require('googleapis/package.json')

const home = JSON.parse(process.argv[2])
const scopes = ['https://www.googleapis.com/auth/spreadsheets']

// The address of the token endpoint is hard-coded: the detour is in the transport.
const jwt = () => {
  const auth = new JWT({ email: home.key.client_email, key: home.key.private_key, scopes })
  auth.transporter.interceptors.request.add({
    resolved: async (config) => {
      const url = String(config.url)
      const here = url.replace(/^https:\/\/(oauth2|www)\.googleapis\.com\/(oauth2\/v4\/)?token/, `${home.url}/token`)
      if (here !== url) config.url = new URL(here)
      return config
    },
  })
  return auth
}

const sheets = google.sheets({ version: 'v4', auth: jwt(), rootUrl: `${home.url}/` })
const spreadsheetId = home.spreadsheet
const range = "'It''s a/tab #1 50%'!A1"
const got = await sheets.spreadsheets.get({ spreadsheetId })
assert.equal(got.data.properties.title, 'A spreadsheet of the sandbox')
const written = await sheets.spreadsheets.values.batchUpdate({
  spreadsheetId,
  requestBody: {
    valueInputOption: 'RAW',
    data: [{ range, values: [[30300.1, null, 'x']] }],
  },
})
assert.equal(written.data.responses[0].updatedRange, "'It''s a/tab #1 50%'!A1:C1")
const read = await sheets.spreadsheets.values.get({
  spreadsheetId,
  range: "'It''s a/tab #1 50%'!A1:C1",
  valueRenderOption: 'UNFORMATTED_VALUE',
})
assert.deepEqual(read.data.values, [[30300.1, '', 'x']])
await sheets.spreadsheets.values.append({
  spreadsheetId,
  range,
  valueInputOption: 'USER_ENTERED',
  insertDataOption: 'INSERT_ROWS',
  requestBody: { values: [['=1+1']] },
})
await assert.rejects(
  sheets.spreadsheets.values.update({
    spreadsheetId,
    range: 'Nope!A1',
    valueInputOption: 'RAW',
    requestBody: { values: [[1]] },
  }),
  (error) => {
    assert.equal(error.status, 400)
    return /Unable to parse range: Nope!A1/.test(error.message)
  },
)
console.log('googleapis', version, 'noticed nothing')

const doc = new GoogleSpreadsheet(spreadsheetId, jwt())
doc.sheetsApi = doc.sheetsApi.extend({ prefix: `${home.url}/v4/spreadsheets/${spreadsheetId}` })
await doc.loadInfo()
assert.equal(doc.title, 'A spreadsheet of the sandbox')
const tab = await doc.addSheet({ title: 'From npm', headerValues: ['pair', 'bid'] })
await tab.addRows([{ pair: 'XBT/EUR', bid: 30300 }, { pair: 'ETH/EUR', bid: 1688.43 }])
const rows = await tab.getRows()
assert.deepEqual(rows.map((row) => row.get('pair')), ['XBT/EUR', 'ETH/EUR'])
assert.equal(rows[1].get('bid'), '1688.43')
await tab.updateProperties({ title: 'Renamed by npm' })
await tab.delete()
console.log('google-spreadsheet', 'noticed nothing')
