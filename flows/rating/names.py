"""What people call a parcel's facts: factors of rows, what conditions name, and what is told beside them."""

from typing import NamedTuple

from flows.rating.measures import units
from schemas.money import parse_yuan, yuan

MONEY = "元"


class Name(NamedTuple):
    """A fact's Chinese name, and the unit in which its value is told, in Chinese and in English."""

    zh: str
    unit: str = ""
    unit_en: str = ""


NAMES: dict[str, Name] = {
    "origin": Name("始发网点"),
    "destination": Name("目的网点"),
    "origin_city": Name("始发城市"),
    "destination_city": Name("目的城市"),
    "origin_province": Name("始发省"),
    "destination_province": Name("目的省"),
    "product": Name("产品"),
    "customer": Name("客户"),
    "customer_level": Name("客户等级"),
    "line": Name("线路"),
    "zone": Name("分区"),
    "channel": Name("渠道"),
    "billing": Name("计费方式"),
    "direction": Name("方向"),
    "temperature": Name("温层"),
    "area": Name("库区"),
    "vehicle": Name("车型"),
    "hub": Name("经过分拨"),
    "hubs": Name("经过分拨"),
    "service": Name("附加服务"),
    "services": Name("附加服务"),
    "holiday": Name("节假日"),
    "weekday": Name("星期"),
    "date": Name("日期"),
    "weight": Name("实际重量", "公斤", "kg"),
    "weight_g": Name("实际重量", "克", "g"),
    "volume": Name("体积", "立方米", "m³"),
    "volume_cm3": Name("体积", "立方厘米", "cm³"),
    "density": Name("密度", "公斤/立方米", "kg/m³"),
    "pieces": Name("件数", "件", "piece"),
    "longest": Name("最长边", "厘米", "cm"),
    "longest_mm": Name("最长边", "毫米", "mm"),
    "insured": Name("保价金额", MONEY, "yuan"),
    "cod": Name("代收货款", MONEY, "yuan"),
    "promised": Name("时效承诺", "小时", "hour"),
    "promised_h": Name("时效承诺", "小时", "hour"),
    "month_parcels": Name("当月累计票数", "票", "parcel"),
    "month_count": Name("当月票数的统计"),
    "pallets": Name("板数", "板", "pallet"),
    "days": Name("天数", "天", "day"),
    "hours": Name("小时数", "小时", "hour"),
    "shared": Name("所分费用", MONEY, "yuan"),
    "condition": Name("条件"),
    "payment": Name("客户支付运费", MONEY, "yuan"),
    "related": Name("原运单"),
}
"""By the names that a charge's steps use: those of `flows.rating.factors` and of `flows.rating.conditions`; and what
else an order says."""

WEEKDAYS = {
    "1": ("一", "Monday"),
    "2": ("二", "Tuesday"),
    "3": ("三", "Wednesday"),
    "4": ("四", "Thursday"),
    "5": ("五", "Friday"),
    "6": ("六", "Saturday"),
    "7": ("日", "Sunday"),
}

WORDS: dict[str, dict[str, str]] = {
    "direction": {"forward": "正向", "return": "退件", "redirect": "转寄"},
    "temperature": {"ambient": "常温", "chilled": "冷藏", "frozen": "冷冻"},
    "billing": {
        "weight": "按重量",
        "volume": "按体积",
        "pallet": "按板",
        "piece": "按件",
        "monthly": "月结",
    },
    "channel": {
        "taobao": "淘宝",
        "tmall": "天猫",
        "pinduoduo": "拼多多",
        "douyin": "抖音",
        "kuaishou": "快手",
        "jd": "京东",
        "wechat": "微信",
        "app": "手机应用",
        "counter": "门店",
    },
    "service": {"address_change": "改址", "upstairs": "上楼", "evening": "夜间派送"},
}
"""By fact: what words that most books have are called in Chinese; a book's own stay as they are."""
WORDS["services"] = WORDS["service"]


def in_chinese(name: str, value: str) -> str:
    """A fact's word, or its words with a space between them, in Chinese.

    >>> in_chinese("temperature", "frozen"), in_chinese("temperature", "-60"), in_chinese("product", "weight")
    ('冷冻', '-60', 'weight')
    >>> in_chinese("services", "gift upstairs")
    'gift 上楼'
    """
    known = WORDS.get(name, {})
    return " ".join(known.get(word, word) for word in value.split(" ")) if known else value


def in_both(name: str, value: str) -> str:
    """The same, and the word itself where it is another.

    >>> in_both("billing", "pallet"), in_both("billing", "own"), in_both("billing", "")
    ('按板 pallet', 'own', '')
    """
    return " ".join(dict.fromkeys((in_chinese(name, value), value)))


def in_words(name: str, value: str) -> tuple[str, str]:
    """A fact as a charge tells it, in Chinese and in English; one that a later version wrote keeps its name.

    >>> in_words("weight_g", "2700"), in_words("cod", "88.5"), in_words("new", "1")
    (('实际重量 2700 克', 'weight_g 2700 g'), ('代收货款 88.50 元', 'cod 88.50 yuan'), ('new 1', 'new 1'))
    >>> in_words("weekday", "2")
    ('星期二', 'weekday 2 (Tuesday)')
    >>> in_words("direction", "redirect")
    ('方向 转寄', 'direction redirect')
    >>> in_words("pallets", "1")[1], in_words("pallets", "12")[1]
    ('pallets 1 pallet', 'pallets 12 pallets')
    """
    if name == "weekday" and value in WEEKDAYS:
        return f"星期{WEEKDAYS[value][0]}", f"weekday {value} ({WEEKDAYS[value][1]})"
    zh, unit, unit_en = NAMES.get(name, Name(name))
    value = yuan(parse_yuan(value)) if unit == MONEY else value
    told = f"{zh} {in_chinese(name, value)} {unit}".rstrip()
    return told, f"{name} {value} {units(value, unit_en)}".rstrip()
