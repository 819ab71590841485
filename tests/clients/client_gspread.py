"""gspread against the sandbox: it must not notice. Arguments: the sandbox's first line."""

import json
import sys

import gspread
import requests
from google.oauth2.service_account import Credentials

home = json.loads(sys.argv[1])
url, key = home["url"], home["key"]


class Detour(requests.adapters.HTTPAdapter):
    """Sends what is meant for Google to the sandbox; gspread has no option for that."""

    def send(self, request, **options):
        request.url = request.url.replace("https://sheets.googleapis.com", url)
        return super().send(request, **options)


scopes = ["https://www.googleapis.com/auth/spreadsheets"]
credentials = Credentials.from_service_account_info(key, scopes=scopes)
client = gspread.authorize(credentials)
client.http_client.session.mount("https://sheets.googleapis.com/", Detour())
document = client.open_by_key(home["spreadsheet"])
assert document.title == "A spreadsheet of the sandbox"
assert [tab.title for tab in document.worksheets()] == ["Sheet 1", "It's a/tab #1 50%", "D3"]

for title in ["Sheet 1", "It's a/tab #1 50%", "D3"]:
    tab = document.worksheet(title)
    answer = tab.update([[1, "zwei"], [3.5, True]], "A1")
    assert answer["updatedCells"] == 4, answer
    assert tab.get("A1:C3") == [["1", "zwei"], ["3.5", "TRUE"]], tab.get("A1:C3")
    assert tab.acell("A2", value_render_option="UNFORMATTED_VALUE").value == 3.5
    assert tab.get_all_values() == [["1", "zwei"], ["3.5", "TRUE"]]
    tab.batch_update([{"range": "B1", "values": [["x"]]}, {"range": "C2", "values": [[7]]}])
    assert tab.batch_get(["B1", "C2"]) == [[["x"]], [["7"]]]
    tab.append_row(["after", "the", "table"])
    assert tab.row_values(3) == ["after", "the", "table"]
    tab.batch_clear(["A3:C3"])
    assert tab.row_values(3) == []

tab = document.sheet1
tab.update_acell("E1", "= 1 / 1024")
assert tab.acell("E1").value == "0.0009765625"
assert tab.acell("E1", value_render_option="FORMULA").value == "= 1 / 1024"
tab.define_named_range("B2:B2", "Flag")
assert document.list_named_ranges()[0]["name"] == "Flag"
assert document.values_get("Flag")["values"] == [["TRUE"]]

fresh = document.add_worksheet("Fresh", rows=3, cols=2)
try:
    fresh.update([[1]], "A9")
    raise SystemExit("a write beyond the grid was let through")
except gspread.exceptions.APIError as error:
    text = "Range (Fresh!A9) exceeds grid limits. Max rows: 3, max columns: 2"
    assert error.response.json()["error"]["message"] == text, error
fresh.update_title("Renamed")
fresh.append_rows([[1], [2], [3], [4]], insert_data_option="INSERT_ROWS")
fresh.resize(rows=10)
assert fresh.row_count == 10
document.del_worksheet(fresh)
try:
    document.worksheet("Renamed")
    raise SystemExit("a deleted tab was found")
except gspread.exceptions.WorksheetNotFound:
    pass
try:
    client.open_by_key("1NoSuchSpreadsheet_0123456789")
    raise SystemExit("a spreadsheet was found that is not there")
except gspread.exceptions.SpreadsheetNotFound:
    pass
print("gspread", gspread.__version__, "noticed nothing")
