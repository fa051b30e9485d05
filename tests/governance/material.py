"""A network of two sites and the dialects of this version, for the tests of governance."""

from flows.devices import known_dialects
from flows.governance.network import read_network

FILES = {
    "places.csv": "code,name,level,province\n"
    "370000,山东省,province,\n"
    "370100,济南市,city,370000\n"
    "440000,广东省,province,\n"
    "440300,深圳市,city,440000\n",
    "sites.csv": "site,name,kind,outlet,city,province\n"
    "JN001,济南历下网点,outlet,531001,370100,370000\n"
    "SZH1,深圳转运中心,hub,HQ,440300,440000\n",
    "products.csv": "product,name\nSTD,标准快递\n",
}

NETWORK = read_network(FILES)
DIALECTS = known_dialects()
