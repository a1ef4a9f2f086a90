"""Django's classes that take a model's type for the type checker, such as `ModelForm[Project]`, and can't be written so
when the program runs: Django leaves them without `__class_getitem__`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin, TabularInline
    from django.forms import ModelChoiceField, ModelForm
else:
    from django import forms
    from django.contrib import admin

    class _Subscriptable:
        def __class_getitem__(cls, types):
            return cls

    class ModelAdmin(_Subscriptable, admin.ModelAdmin):
        pass

    class TabularInline(_Subscriptable, admin.TabularInline):
        pass

    class ModelChoiceField(_Subscriptable, forms.ModelChoiceField):
        pass

    class ModelForm(_Subscriptable, forms.ModelForm):
        pass


__all__ = ["ModelAdmin", "ModelChoiceField", "ModelForm", "TabularInline"]
