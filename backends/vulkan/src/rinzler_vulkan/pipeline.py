"""Pipelines: a shader with its constants set, compiled by the driver; made once, then looked up.

All shaders see the same things: storage buffers at bindings 0, 1, 2 ... of set 0, and push
constants. So there is one descriptor layout per number of bindings and one pipeline layout per
number of bindings and bytes. What the driver compiled is kept on disk for the next run.
Read next: `descriptors.py`, then `encoder.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.cachefile import CacheFile, folder_of
from rinzler_vulkan.call import Call
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.errors import OutOfDeviceMemory, VulkanError
from rinzler_vulkan.ieee import preserving
from rinzler_vulkan.manifest import Manifest, Shader

Key = tuple[str, tuple[tuple[str, Any], ...]]
THREADS = 8  # that compile at a time


class Pipeline(NamedTuple):
    """What binding and dispatching needs."""

    handle: Any
    layout: Any  # VkPipelineLayout
    sets: Any  # VkDescriptorSetLayout
    shader: Shader


class Pipelines:
    """All pipelines of a device."""

    def __init__(self, device: LogicalDevice, manifest: Manifest) -> None:
        self.device = device
        self.manifest = manifest
        self._made: dict[Key, Pipeline] = {}
        self._sets: dict[int, Any] = {}
        self._layouts: dict[tuple[int, int], Any] = {}
        self._file = CacheFile(
            folder_of(device.settings.cache), device.caps.identity, manifest.digest
        )
        self._cache = self._open_cache()
        self._kept = 0  # how many pipelines the file had, or was written with
        device.own(self.keep)

    def get(self, call: Call) -> Pipeline:
        """The pipeline of a call. Raises ShaderMissing, VulkanError."""
        key = (call.shader, tuple(call.spec.items()))
        found = self._made.get(key)
        return found if found is not None else self._make(key)

    def prepare(self, calls: Iterable[Call]) -> None:
        """Make all pipelines that are missing, several at a time."""
        keys = dict.fromkeys((call.shader, tuple(call.spec.items())) for call in calls)
        missing = [key for key in keys if key not in self._made]
        for name, _ in missing:
            self._layout(self.manifest[name])  # layouts are shared: not from several threads
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._make, missing))

    def _make(self, key: Key) -> Pipeline:
        name, spec = key
        shader = self.manifest[name]
        entries, data = shader.specialize(dict(spec))
        layout, sets = self._layout(shader)
        code = shader.code()
        if self.device.caps.float_controls:
            code = preserving(code)
        words = self.device.ffi.new("uint32_t[]", len(code) // 4)
        self.device.ffi.memmove(words, code, len(code))
        module = self.device.create(
            "ShaderModule",
            vk.struct("VkShaderModuleCreateInfo", codeSize=len(code), pCode=words),
            keep=False,
        )
        try:
            handle = self._compile(module, layout, entries, data, name)
        finally:
            self.device.destroy("ShaderModule", module)
        self.device.own(lambda: self.device.destroy("Pipeline", handle))
        made = self._made[key] = Pipeline(handle, layout, sets, shader)
        return made

    def _compile(
        self, module: Any, layout: Any, entries: list[tuple[int, int]], data: bytes, name: str
    ) -> Any:
        ffi = self.device.ffi
        rows = [
            vk.struct("VkSpecializationMapEntry", constantID=number, offset=offset, size=4)
            for number, offset in entries
        ]
        values = ffi.new("char[]", data or b"\0")
        special = vk.struct(
            "VkSpecializationInfo",
            mapEntryCount=len(rows),
            pMapEntries=rows,
            dataSize=len(data),
            pData=ffi.cast("void *", values),
        )
        stage = vk.struct(
            "VkPipelineShaderStageCreateInfo",
            stage=C.SHADER_STAGE_COMPUTE_BIT,
            module=module,
            pName="main",
            pSpecializationInfo=special,
        )
        info = vk.struct("VkComputePipelineCreateInfo", stage=stage[0], layout=layout)
        out = ffi.new("VkPipeline *")
        create = self.device.vk.vkCreateComputePipelines
        result = create(self.device.handle, self._cache, 1, info, ffi.NULL, out)
        vk.check(result, f"compiling {name}")
        return out[0]

    def _layout(self, shader: Shader) -> tuple[Any, Any]:
        count = len(shader.writes)
        if count not in self._sets:
            bindings = [
                vk.struct(
                    "VkDescriptorSetLayoutBinding",
                    binding=k,
                    descriptorType=C.DESCRIPTOR_TYPE_STORAGE_BUFFER,
                    descriptorCount=1,
                    stageFlags=C.SHADER_STAGE_COMPUTE_BIT,
                )
                for k in range(count)
            ]
            info = vk.struct(
                "VkDescriptorSetLayoutCreateInfo", bindingCount=count, pBindings=bindings
            )
            self._sets[count] = self.device.create("DescriptorSetLayout", info)
        sets = self._sets[count]
        key = (count, shader.push_size)
        if key not in self._layouts:
            pushed = vk.struct(
                "VkPushConstantRange", stageFlags=C.SHADER_STAGE_COMPUTE_BIT, size=shader.push_size
            )
            info = vk.struct(
                "VkPipelineLayoutCreateInfo",
                setLayoutCount=1,
                pSetLayouts=[sets],
                pushConstantRangeCount=1 if shader.push_size else 0,
                pPushConstantRanges=[pushed] if shader.push_size else [],
            )
            self._layouts[key] = self.device.create("PipelineLayout", info)
        return self._layouts[key], sets

    # --- the file -----------------------------------------------------------------------------

    def _open_cache(self) -> Any:
        blob = self._file.read()
        data = self.device.ffi.new("char[]", blob or b"\0")
        info = vk.struct(
            "VkPipelineCacheCreateInfo",
            initialDataSize=len(blob),
            pInitialData=self.device.ffi.cast("void *", data),
        )
        return self.device.create("PipelineCache", info)

    def keep(self) -> None:
        """Write what was compiled since the file was read. Never raises for the disk."""
        if len(self._made) == self._kept or self.device.refusal is not None:
            return
        self._kept = len(self._made)
        ffi, get = self.device.ffi, self.device.vk.vkGetPipelineCacheData
        size = ffi.new("size_t *")
        try:
            vk.check(get(self.device.handle, self._cache, size, ffi.NULL), "measuring pipelines")
            blob = ffi.new("char[]", size[0])
            vk.check(get(self.device.handle, self._cache, size, blob), "reading pipelines")
        except (VulkanError, OutOfDeviceMemory):
            return  # they are compiled again next time
        self._file.write(bytes(ffi.buffer(blob, size[0])))
